"""Modems by the name a board file gives them, and the dialect of AT commands each speaks (firmware/kerb/modem/dialects)."""

from __future__ import annotations

DIALECTS = {
    "SIM7070G": "sim7080",
    "SIM7080G": "sim7080",
    "SIM7020C": "sim7020",
    "SIM7020E": "sim7020",
    "SIM7020G": "sim7020",
    "BC66": "bc66",
    "BC660K": "bc660k",
    "BG77": "bg95",
    "BG95": "bg95",
    "SARA-R410M": "sara_r4",
    "SARA-R500S": "sara_r5",
    "SARA-R510S": "sara_r5",
}
# MQTT clients that say nothing of an acknowledgement (SARA-R410M), or of which no way is known to give them any byte (BC66, BC660K).
WITHOUT_MQTT = ("bc66", "bc660k", "sara_r4")
