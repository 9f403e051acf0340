"""u-blox SARA-R410M (AT Manual UBX-17003787, System Integration UBX-16029218). Datagrams travel in hexadecimal."""

DIALECT: dict = {
    "errors": (),
    "boot": ("RDY",),  # it says nothing when it starts
    "on_ms": 300,  # 150 to 3200 ms
    "off_ms": 1600,
    "off_wait_ms": 5000,
    "boot_ms": 3000,  # of 6 s
    "ready_ms": 10000,
    "wake": "key",
    "search_ma": 80,  # not confirmed; less would let searches take more than the ceiling says
    "setup": (("E0", 2), ("+CMEE=1", 2), ("+CEREG=4", 2), ("+UDCONF=1,1", 2)),
    "config": (
        ("+CFUN=0", 40), ("+URAT=8", 5), ("+CGDCONT=1,\"IP\",\"{apn}\"", 5),
    ),
    "reboot": ("+CFUN=15", 40),
    "reboot_ms": 6000,
    "off": ("+CPWROFF", 40),
    "psm_urc": "",  # 02B firmware has none
    "active": ("+CGACT?", "+CGACT:", "+CGACT: 1,1"),
    "attach": (("+CGACT=1,1", 150),),
    "detach": (("+CGACT=0,1", 40),),
    "clock": ("+CCLK?", "+CCLK:", True),
    "signal": (
        ("+UCGED=5", None, {}),
        ("+UCGED?", "+RSRP:", {"rsrp_dbm": (2, 1, 1, 0)}),
        ("+UCGED?", "+RSRQ:", {"rsrq_db": (2, 1, 1, 0)}),
    ),
    "udp": {
        "resolve": ("+UDNSRN=0,\"{host}\"", "+UDNSRN: "),
        "largest": 500,
        "open": (("+USOCR=17", 10, "+USOCR: ", "0"),),
        "close": ("?+USOCL=0", 10),
        "release": (),
        "send": ("+USOST=0,\"{host}\",{port},{n},\"{hex}\"", False, None, "OK"),
        "incoming": ("+UUSORF: 0", "+UUSORD: 0"),
        "read": ("+USORF=0,{most}", "+USORF:", ""),
        "lost": ("+UUSOCL: 0",),
    },
}
