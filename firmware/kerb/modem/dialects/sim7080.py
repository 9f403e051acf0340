"""SIMCom SIM7070G and SIM7080G (AT Command Manual V1.05, TCPUDP V1.03, MQTT V1.03, Low Power Mode V1.02, Hardware Design V1.03)."""

DIALECT: dict = {
    "errors": (),
    "boot": ("RDY", "NORMAL POWER DOWN", "UNDER-VOLTAGE POWER DOWN"),
    "on_ms": 1100,  # at least 1 s, less than 12 s
    "off_ms": 1300,
    "off_wait_ms": 3800,  # off after 1.8 s, and 2 s before the next start
    "boot_ms": 1300,  # the UART listens 2.5 s after the key went down, or later
    "ready_ms": 8000,
    "wake": "key",
    "search_ma": 60,  # not confirmed
    "setup": (("E0", 2), ("+CMEE=1", 2), ("?+CPSMSTATUS=1", 2), ("+CEREG=4", 2)),
    # The fixed speed makes it tell of its starts.
    "config": (
        ("+IPR=115200", 2), ("?+CLTS=1", 2), ("+CFUN=0", 10), ("+CNMP=38", 5), ("+CMNB=2", 5), ("+CGDCONT=1,\"IP\",\"{apn}\"", 5),
        ("+CNCFG=0,1,\"{apn}\"", 5),
    ),
    "reboot": ("+CREBOOT", 10),
    "reboot_ms": 3000,
    "off": ("+CPOWD=1", 5),
    "psm_urc": "+CPSMSTATUS: \"ENTER PSM\"",
    "active": ("+CNACT?", "+CNACT:", "+CNACT: 0,1,"),
    "attach": (("+CNACT=0,1", 75, "+APP PDP: 0,", "ACTIVE"),),
    "detach": (("+CNACT=0,0", 75),),
    "clock": ("+CCLK?", "+CCLK:", True),
    # RSSNR is half the SINR plus 10 dB.
    "signal": (
        ("+CPSI?", "+CPSI:", {"rsrq_db": (10, 1, 1, 0), "rsrp_dbm": (11, 1, 1, 0), "sinr_db": (13, 2, 1, -20)}),
    ),
    "udp": {
        "resolve": ("+CDNSGIP=\"{host}\"", "+CDNSGIP: "),
        "largest": 1400,
        "open": (("+CAOPEN=0,0,\"UDP\",\"{host}\",{port}", 60, "+CAOPEN: 0,", "0"),),
        "close": ("?+CACLOSE=0", 5),
        "release": (("?+CRAI=2", 2),),
        "send": ("+CASEND=0,{n}", True, None, "OK"),
        "incoming": ("+CADATAIND: 0", "+CAURC: \"recv\",0"),
        "read": ("+CARECV=0,{most}", "+CARECV:", ","),
        "lost": ("+CASTATE: 0,0", "+APP PDP: 0,DEACTIVE"),
    },
    "mqtt": {
        "largest": 512,
        "open": (
            ("+SMCONF=\"URL\",\"{host}\",{port}", 5), ("+SMCONF=\"CLIENTID\",\"{device}\"", 5), ("+SMCONF=\"KEEPTIME\",{keep}", 5),
            ("+SMCONF=\"CLEANSS\",0", 5), ("+SMCONF=\"SUBHEX\",1", 5),
        ),
        "login": (("+SMCONF=\"USERNAME\",\"{user}\"", 5), ("+SMCONF=\"PASSWORD\",\"{password}\"", 5)),
        "connect": (("+SMCONN", 65), ("+SMSUB=\"{down}\",1", 65)),
        "close": (("?+SMDISC", 65),),
        "publish": ("+SMPUB=\"{up}\",{n},1,0", True, None, None, 65),
        "incoming": ("+SMSUB: ", True, None),
        "lost": ("+SMSTATE: 0", "+APP PDP: 0,DEACTIVE"),
    },
}
