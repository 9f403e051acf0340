"""RAKwireless RAK3172 and its kin with RUI3 (RAKwireless "RUI3 AT Command Manual", RUI 4; forms of events and times as users saw them
with RUI_4.2.4)."""

DIALECT = {
    "errors": ("AT_", "Restricted_Wait"),
    "boot": ("Current Work Mode: LoRaWAN.",),
    "baud": 115200,
    "end": "\r\n",
    "boot_ms": 2000,
    "get": "+{0}=?",
    "got": "AT+{0}=",
    "set": "+{0}={1}",
    # What the module keeps in flash: written only where it reads otherwise, the flash bears it 10,000 times.
    "setup": (("NWM", "1"), ("NJM", "1"), ("CLASS", "A"), ("BAND", "{band}"), ("ADR", "{adr}"), ("RETY", "2"), ("LPM", "1")),
    "mask": "MASK",
    "rate": "DR",
    "confirm": "CFM",
    "eui": "DEVEUI",
    "keys": (("DEVEUI", "dev_eui"), ("APPEUI", "join_eui"), ("APPKEY", "app_key")),
    "joined": "NJS",
    "join": "+JOIN=1:0:{pause}:{more}",
    "join_pause_s": 10,
    "join_events": "+EVT:JOIN",
    "join_good": "+EVT:JOINED",
    "send": "+SEND={port}:{data}",
    "sent_events": ("+EVT:SEND_CONFIRMED", "+EVT:TX_DONE"),
    "sent_good": "+EVT:SEND_CONFIRMED_OK",
    "wait": "Restricted_Wait_",  # then milliseconds: the duty cycle
    "down": "+EVT:RX_",  # window:dBm:dB:UNICAST:port:hex
    "ask_time": "+TIMEREQ=1",
    "time_events": "+EVT:TIMEREQ",
    "time_good": "+EVT:TIMEREQ_OK",
    "clock": "LTIME",  # 15h08m55s on 08/17/2026
    "leap_s": 18,  # its stack adds the difference of the epochs only (LoRaMac-node); not confirmed on a module
    "bands": {
        "IN865": "3", "EU868": "4", "US915": "5", "AU915": "6", "KR920": "7", "AS923-1": "8", "AS923-2": "9", "AS923-3": "10",
        "AS923-4": "11",
    },
}  # fmt: skip
