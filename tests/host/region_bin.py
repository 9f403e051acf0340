"""A bin that reports every ten minutes, in any region: the smallest node whose LoRaWAN is put to the test."""

from __future__ import annotations

from pathlib import Path

_NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"
[parts.level]
driver = "a02yyuw"
bus = "uart.main"
rail = "vext"
period_s = 600
[parts.battery]
driver = "battery"
period_s = 3600
[app]
report_s = 600
[uplink]
kind = "lorawan"
region = "{region}"
confirm = "{confirm}"
[world]
gateway_m = {gateway_m}
"""


def region_bin(folder: Path, region: str, name: str = "", confirm: str = "all", gateway_m: float = 300.0) -> Path:
    """The node file; the node is called `name`, or after its region."""
    path = folder / f"{name or f'bin-{region.lower()}'}.toml"
    path.write_text(_NODE.format(region=region, confirm=confirm, gateway_m=gateway_m))
    return path
