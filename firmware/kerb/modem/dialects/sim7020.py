"""SIMCom SIM7020C/E/G (AT Manual V1.05, Low Power V1.03, Hardware Design V1.02). Datagrams travel in hexadecimal."""

DIALECT: dict = {
    "errors": (),
    "boot": ("RDY", "*MATREADY: 1", "NORMAL POWER DOWN"),
    "on_ms": 1100,
    "off_ms": 900,
    "off_wait_ms": 5500,  # 5 s from off to on
    "boot_ms": 500,
    "ready_ms": 8000,
    "wake": "key",
    "search_ma": 60,  # not confirmed
    "setup": (("E0", 2), ("+CMEE=1", 2), ("?+CPSMSTATUS=1", 2), ("+CEREG=4", 2)),
    "config": (
        ("+IPR=115200", 2), ("?+CLTS=1", 2), ("+CFUN=0", 10), ("*MCGDEFCONT=\"IP\",\"{apn}\"", 5),
    ),
    "reboot": ("+CFUN=1,1", 10),
    "reboot_ms": 3000,
    "off": ("+CPOWD=1", 5),
    "psm_urc": "+CPSMSTATUS: \"ENTER PSM\"",
    "active": ("+CGACT?", "+CGACT:", "+CGACT: 1,1"),
    "attach": (("+CGACT=1,1", 150),),
    "detach": (("+CGACT=0,1", 60),),
    "clock": ("+CCLK?", "+CCLK:", True),
    "signal": (
        (
            "+CENG?", "+CENG:",
            {"rsrp_dbm": (4, 1, 1, 0), "rsrq_db": (5, 1, 1, 0), "sinr_db": (7, 1, 1, 0), "ecl": (10, 1, 1, 0)},
        ),
    ),
    "udp": {
        "resolve": ("+CDNSGIP=\"{host}\"", "+CDNSGIP: "),
        "largest": 250,  # 512 hexadecimal digits
        "open": (("+CSOC=1,2,1", 10, "+CSOC: ", "0"), ("+CSOCON=0,{port},\"{host}\"", 30)),
        "close": ("?+CSOCL=0", 5),
        "release": (("?+CNBIOTRAI=2", 2),),
        "send": ("+CSOSEND=0,{n2},{hex}", False, None, "OK"),
        "incoming": ("+CSONMI: 0,",),
        "read": None,
        "lost": ("+CSOERR: 0",),
    },
    # One client; payloads in hexadecimal, their length in digits.
    "mqtt": {
        "largest": 500,
        "open": (("+CMQNEW=\"{host}\",\"{port}\",12000,1132", 75, "+CMQNEW: ", "0"),),
        "login": (),
        "connect": (("+CMQCON=0,4,\"{device}\",{keep},0,0{login}", 60), ("+CMQSUB=0,\"{down}\",1", 60)),
        "close": (("?+CMQDISCON=0", 30),),
        "publish": ("+CMQPUB=0,\"{up}\",1,0,0,{n2},\"{hex}\"", False, None, None, 60),
        "incoming": ("+CMQPUB: 0,", True, None),
        "lost": ("+CMQDISCON: 0",),
    },
}
