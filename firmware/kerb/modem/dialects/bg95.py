"""Quectel BG95 and BG77 (AT Manual V2.0, TCP/IP V1.1, MQTT V1.1)."""

from kerb.modem.dialects import quectel

DIALECT = dict(quectel.DIALECT)
DIALECT.update({
    "boot": ("RDY", "POWERED DOWN", "NORMAL POWER DOWN"),
    "on_ms": 750,  # 500 to 1000 ms
    "off_ms": 800,  # 650 ms or more
    "off_wait_ms": 3000,
    "ready_ms": 10000,
    "wake": "key",
    "setup": (("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("?+CTZU=1", 2), ("?+QCFG=\"psm/urc\",1", 2)),
    "config": (
        ("+QCFG=\"iotopmode\",1,1", 5), ("?+QCFG=\"nwscanmode\",3,1", 5), ("+QICSGP=1,1,\"{apn}\",\"\",\"\",0", 5),
        ("+CPSMS=1,,,\"{tau}\",\"{active}\"", 5),
    ),
    "reboot": ("+CFUN=1,1", 15),
    "off": ("+QPOWD=1", 65, "POWERED DOWN"),
    "psm_urc": "PSM POWER DOWN",
    # CGACT hangs in some firmware of this family.
    "active": ("+QIACT?", "+QIACT:", "+QIACT: 1,1"),
    "attach": (("+QIACT=1", 150),),
    "detach": (("+QIDEACT=1", 40),),
    "clock": ("+QLTS=1", "+QLTS:", False),
    "signal": (
        ("+QCSQ", "+QCSQ: \"NBIoT\"", {"rsrp_dbm": (2, 1, 1, 0), "sinr_db": (3, 1, 5, -20), "rsrq_db": (4, 1, 1, 0)}),
        ("+QCFG=\"celevel\"", "+QCFG: \"celevel\"", {"ecl": (1, 1, 1, 0)}),
    ),
    "udp": dict(quectel.UDP),
})
DIALECT["udp"].update({
    "open": (("+QIOPEN=1,0,\"UDP\",\"{host}\",{port},0,0", 150, "+QIOPEN: 0,", "0"),),
    "release": (),
    "send": ("+QISENDEX=0,\"{hex}\",2", False, None, "SEND OK"),  # 2: one downlink, then release
    "incoming": ("+QIURC: \"recv\",0",),
    "read": ("+QIRD=0,{most}", "+QIRD:", "\n"),
})
