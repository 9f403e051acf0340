"""What Quectel's NB-IoT modems have in common: sockets that push datagrams in hexadecimal (BC660K-GL & BC950K-GL AT Manual V1.3)."""

DIALECT: dict = {
    "errors": ("SEND FAIL", "SEND ERROR"),
    "boot": ("RDY", "POWERED DOWN", "POWER DOWN"),
    "on_ms": 600,
    "off_ms": 600,
    "off_wait_ms": 2000,
    "boot_ms": 500,
    "ready_ms": 12000,  # AT answers 9 s after QRST=1
    "search_ma": 60,  # not confirmed
    "reboot": ("+QRST=1", 10),
    "reboot_ms": 3000,
    "psm_urc": "+QNBIOTEVENT: \"ENTER PSM\"",
    "signal": (
        (
            "+QENG=0", "+QENG: 0",
            {"rsrp_dbm": (5, 1, 1, 0), "rsrq_db": (6, 1, 1, 0), "sinr_db": (8, 1, 1, 0), "ecl": (11, 1, 1, 0)},
        ),
    ),
}
UDP: dict = {
    "largest": 500,
    "incoming": ("+QIURC: \"recv\",0,",),
    "read": None,
    "lost": ("+QIURC: \"closed\",0", "+QIURC: \"pdpdeact\""),
    "close": ("?+QICLOSE=0", 10),
}
