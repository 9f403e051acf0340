"""What the emulator needs to know of one device, gathered from board and node files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kerbstone.emulator.board.limits import Limits


@dataclass
class DeviceSpec:
    """One device to emulate."""

    name: str
    title: str
    limits: Limits
    heap_kb: int
    boot_ms: int
    wake_ms: int
    current_ua: dict[str, float]
    unique_id: str
    mac: str
    seed: int
    rtc_ppm: float = 0.0
    rom: str = ""  # folder of the read-only partition, if the image has one; a file in it never changes once the board has booted
    import_cost: tuple[int, int] = (0, 0)  # us a module, ns a byte; board/computing.py
    work_us: dict[str, int] = field(default_factory=dict)  # file of the read-only partition -> what it computes after its import
    adc_full_scale_uv: int = 3_300_000
    wifi_current_ua: dict[str, float] = field(default_factory=dict)
    tls: bool = False  # the firmware will ask for it
    wifi_connect_ms: int = 657
    wifi_dhcp_ms: int = 892

    def common(self) -> dict[str, Any]:
        """What every boot of the board is told of it."""
        return {
            "unique_id": self.unique_id, "mac": self.mac, "machine": self.title, "rom": self.rom, "import_cost": self.import_cost,
            "work_us": self.work_us,
            "tls": self.tls,
        }
