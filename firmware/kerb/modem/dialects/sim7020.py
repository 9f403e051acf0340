"""SIMCom SIM7020C/E/G (AT Manual V1.05, Low Power V1.03, Hardware Design V1.02). Datagrams travel in hexadecimal."""

DIALECT = {
    "errors": (),
    "boot": ("RDY", "*MATREADY: 1", "NORMAL POWER DOWN"),
    "on_ms": 1100,
    "off_ms": 900,
    "off_wait_ms": 5500,  # 5 s from off to on
    "ready_ms": 8000,
    "wake": "key",
    "search_ma": 60,  # not confirmed
    "setup": (("E0", 2), ("+CMEE=1", 2), ("?+CPSMSTATUS=1", 2), ("+CEREG=4", 2)),
    "config": (
        ("+IPR=115200", 2), ("?+CLTS=1", 2), ("+CFUN=0", 10), ("*MCGDEFCONT=\"IP\",\"{apn}\"", 5),
        ("+CPSMS=1,,,\"{tau}\",\"{active}\"", 5), ("+CFUN=1", 10),
    ),
    "reboot": ("+CFUN=1,1", 10),
    "reboot_ms": 3000,
    "off": ("+CPOWD=1", 5, "NORMAL POWER DOWN"),
    "psm_urc": "+CPSMSTATUS: \"ENTER PSM\"",
    "active": ("+CGACT?", "+CGACT:", "+CGACT: 1,1"),
    "attach": (("+CGACT=1,1", 150),),
    "detach": (("+CGACT=0,1", 60),),
    "clock": ("+CCLK?", "+CCLK:", True),
    "signal": (
        (
            "+CENG?", "+CENG:",
            {"cell": (3, 1, 1, 0), "rsrp_dbm": (4, 1, 1, 0), "rsrq_db": (5, 1, 1, 0), "sinr_db": (7, 1, 1, 0), "ecl": (10, 1, 1, 0)},
        ),
    ),
    "udp": {
        "largest": 250,  # 512 hexadecimal digits
        "open": (("+CSOC=1,2,1", 10, "+CSOC: ", "0"), ("+CSOCON=0,{port},\"{host}\"", 30)),
        "close": ("?+CSOCL=0", 5),
        "release": (("?+CNBIOTRAI=2", 2),),
        "send": ("+CSOSEND=0,{n2},{hex}", False, None, "OK"),
        "incoming": ("+CSONMI: 0,",),
        "read": None,
        "lost": ("+CSOERR: 0",),
    },
}
