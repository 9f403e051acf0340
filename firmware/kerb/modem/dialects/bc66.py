"""Quectel BC66 (MT2625): as the BC660K-GL, but context 1, a power key, and no waking by AT (field drivers, BC66 UDP logs)."""

from kerb.modem.dialects import quectel

DIALECT: dict = dict(quectel.DIALECT)
DIALECT.update({
    "wake": "key",
    "setup": (
        ("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("?+QSCLK=1", 2), ("?+QNBIOTEVENT=1,1", 2), ("?+QICFG=\"dataformat\",1,1", 2),
    ),
    "config": (("?+QSPCHSC=1", 2), ("+QCGDEFCONT=\"IP\",\"{apn}\"", 5)),
    "off": ("+QPOWD=0", 5),
    "active": ("+CGATT?", "+CGATT:", "+CGATT: 1"),
    "attach": (("+CGATT=1", 85),),
    "detach": (("+CGATT=0", 85),),
    "clock": ("+QCCLK?", "+QCCLK:", False),
    "udp": dict(quectel.UDP),
})
DIALECT["udp"].update({
    "resolve": ("+QIDNSGIP=1,\"{host}\"", "+QIURC: \"dnsgip\",\""),
    "open": (("+QIOPEN=1,0,\"UDP\",\"{host}\",{port},0,1", 60, "+QIOPEN: 0,", "0"),),
    "release": (("?+QNBIOTRAI=2", 2),),
    "send": ("+QISENDEX=0,{n},{hex}", False, "SEND OK", "OK"),
})
