"""Quectel BC660K-GL (AT Manual V1.3, MQTT note, Hardware Design): no power key, any character wakes it, and is lost."""

from kerb.modem.dialects import quectel

DIALECT: dict = dict(quectel.DIALECT)
DIALECT.update({
    "wake": "any",
    # It keeps the echo setting; the TLS and socket settings it does not.
    "setup": (
        ("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("?+QSCLK=1", 2), ("?+QNBIOTEVENT=1,1", 2), ("+QICFG=\"dataformat\",1,1", 2),
        ("?+CFUN=1", 25),
    ),
    "config": (
        ("+CFUN=0", 25), ("+QCGDEFCONT=\"IP\",\"{apn}\"", 5),
    ),
    "off": ("+CFUN=0", 25),  # no key would switch it on again; it sleeps deeply so
    "active": ("+CGATT?", "+CGATT:", "+CGATT: 1"),
    "attach": (("+CGATT=1", 70),),
    "detach": (("+CGATT=0", 70),),
    "clock": ("+CCLK?", "+CCLK:", True),
    "udp": dict(quectel.UDP),
})
DIALECT["udp"].update({
    "resolve": ("+QIDNSGIP=0,\"{host}\"", "+QIDNSGIP: \""),
    "open": (("+QIOPEN=0,0,\"UDP\",\"{host}\",{port}", 60, "+QIOPEN: 0,", "0"),),
    "release": (),
    "send": ("+QISEND=0,{n},{hex}", False, "SEND OK", "OK"),
    "released": ("?+QNBIOTRAI=1", 2),  # only while connected
})
