"""Quectel BG95 and BG77 (AT Manual V2.0, TCP/IP V1.1, MQTT V1.1)."""

from kerb.modem.dialects import quectel

DIALECT: dict = dict(quectel.DIALECT)
DIALECT.update({
    "boot": ("RDY", "POWERED DOWN", "NORMAL POWER DOWN"),
    "on_ms": 750,  # 500 to 1000 ms
    "off_ms": 800,  # 650 ms or more
    "off_wait_ms": 3000,
    "boot_ms": 1700,  # UART at 2.5 s or later
    "ready_ms": 10000,
    "wake": "key",
    "setup": (("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("?+CTZU=1", 2), ("?+QCFG=\"psm/urc\",1", 2)),
    "config": (
        ("+QCFG=\"iotopmode\",1,1", 5), ("?+QCFG=\"nwscanmode\",3,1", 5), ("+QICSGP=1,1,\"{apn}\",\"\",\"\",0", 5),
    ),
    "reboot": ("+CFUN=1,1", 15),
    "off": ("+QPOWD=1", 65),
    "psm_urc": "PSM POWER DOWN",
    # CGACT hangs in some firmware of this family.
    "active": ("+QIACT?", "+QIACT:", "+QIACT: 1,1"),
    "attach": (("+QIACT=1", 150),),
    "detach": (("+QIDEACT=1", 40),),
    "clock": ("+QLTS=2", "+QLTS:", True),  # local time; 1 would be GMT, with the zone behind it all the same
    "signal": (
        ("+QCSQ", "+QCSQ: \"NBIoT\"", {"rsrp_dbm": (2, 1, 1, 0), "sinr_db": (3, 1, 5, -20), "rsrq_db": (4, 1, 1, 0)}),
        ("+QCFG=\"celevel\"", "+QCFG: \"celevel\"", {"ecl": (1, 1, 1, 0)}),
    ),
    "udp": dict(quectel.UDP),
})
DIALECT["udp"].update({
    "resolve": ("+QIDNSGIP=1,\"{host}\"", "+QIURC: \"dnsgip\",\""),
    "open": (("+QIOPEN=1,0,\"UDP\",\"{host}\",{port},0,0", 150, "+QIOPEN: 0,", "0"),),
    "release": (),
    "send": ("+QISENDEX=0,\"{hex}\",{rai}", False, None, "SEND OK"),  # 2: one downlink, then release
    "incoming": ("+QIURC: \"recv\",0",),
    "read": ("+QIRD=0,{most}", "+QIRD:", "\n"),
})
DIALECT["mqtt"] = {
    "largest": 512,
    "open": (
        ("+QMTCFG=\"version\",0,4", 5), ("+QMTCFG=\"pdpcid\",0,1", 5), ("+QMTCFG=\"session\",0,0", 5),
        ("+QMTCFG=\"keepalive\",0,{keep}", 5),
        ("+QMTOPEN=0,\"{host}\",{port}", 120, "+QMTOPEN: 0,", "0"),
    ),
    "login": (),
    "connect": (
        ("+QMTCONN=0,\"{device}\"{login}", 60, "+QMTCONN: 0,", "0,0"), ("+QMTSUB=0,1,\"{down}\",1", 60, "+QMTSUB: 0,1,", "0"),
    ),
    "close": (("?+QMTDISC=0", 30), ("?+QMTCLOSE=0", 30)),
    "publish": ("+QMTPUB=0,{id},1,0,\"{up}\",{n}", True, "+QMTPUB: 0,{id},", "0", 60),
    "incoming": ("+QMTRECV: 0,", False, None),
    "lost": ("+QMTSTAT: 0", "+QIURC: \"pdpdeact\""),
}
