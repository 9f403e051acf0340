"""u-blox SARA-R5 (AT and Internet guides UBX-20032566, application guide UBX-20009652, data sheet UBX-19016638)."""

from kerb.modem.dialects import sara_r4

DIALECT: dict = dict(sara_r4.DIALECT)
DIALECT.update({
    "on_ms": 1100,  # R510S 1 to 2 s
    "boot_ms": 800,  # 2 s on the data sheet's figure
    "search_ma": 90,  # not confirmed; what it takes connected at its least power (data sheet R16)
    "setup": (
        ("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("+UDCONF=1,1", 2), ("?+UPSV=1,1000", 2), ("?+UPSMR=1", 2),
    ),
    "reboot": ("+CFUN=16", 40),
    "psm_urc": "+UUPSMR: 1",
    # The stack's own profile 0 stands on context 1; an active one refuses to be changed.
    "active": None,
    "attach": (("?+UPSDA=0,4", 40), ("+UPSD=0,100,1", 5), ("+UPSD=0,0,0", 5), ("+UPSDA=0,3", 180, "+UUPSDA: 0,", "\"")),
    "detach": (("+UPSDA=0,4", 40),),
    "signal": (
        ("+UCGED=2", None, {}),
        (
            "+UCGED?", "",
            {"rsrp_dbm": (10, 1, 1, -141), "rsrq_db": (11, 1, 2, -20), "sinr_db": (12, 1, 1, 0)},
        ),
    ),
    "udp": dict(sara_r4.DIALECT["udp"]),
})
DIALECT["udp"].update({
    "release": (("?+UDCONF=89,2", 2),),
    "lost": ("+UUSOCL: 0", "+UUPSDD: 0"),
})
DIALECT["mqtt"] = {
    "largest": 512,
    "open": (
        ("+UMQTT=0,\"{device}\"", 5), ("+UMQTT=2,\"{host}\",{port}", 5), ("+UMQTT=10,{keep}", 5), ("+UMQTT=12,0", 5),
    ),
    "login": (("+UMQTT=4,\"{user}\",\"{password}\"", 5),),
    "connect": (("+UMQTTC=1", 120, "+UUMQTTC: 1,", "1"), ("+UMQTTC=4,1,\"{down}\"", 60, "+UUMQTTC: 4,", "1")),
    "close": (("?+UMQTTC=0", 60),),
    "publish": ("+UMQTTC=9,1,0,\"{up}\",{n}", True, "+UUMQTTC: 2,", "1", 60),
    "incoming": ("+UUMQTTC: 6,", False, ("+UMQTTC=6,1", "+UMQTTC: 6,")),
    "lost": ("+UUMQTTC: 0,", "+UUPSDD: 0"),
}
