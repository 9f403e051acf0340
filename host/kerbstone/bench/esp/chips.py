"""What tells an ESP32 from an ESP32-S3 at the serial port: registers, fuses, offsets, the words its ROM says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CRYSTAL_HZ = 40_000_000  # every board file's module has a 40 MHz crystal
CONSOLE_BAUD = 115_200


@dataclass(frozen=True)
class SpiBlock:
    """The SPI controller that reaches the flash: its base and the offsets of its registers. Source: [TRM], [esptool]."""

    base: int
    usr: int
    usr1: int
    usr2: int
    miso_len: int
    w0: int
    address_at_top: bool  # a 24-bit address stands in the upper bits of its register


@dataclass(frozen=True)
class RomWords:
    """What the ROM prints at start. [K] but for the words esptool itself looks for."""

    greeting: str
    causes: dict[str, str]
    app_boot: str
    download_boot: str


@dataclass(frozen=True)
class Chip:
    name: str
    image_id: int  # chip id in an image header
    boot_offset: int  # where the ROM looks for the bootloader
    magic: int  # at MAGIC_REGISTER
    spi: SpiBlock
    fuses: Callable[[bytes], dict[int, int]]  # registers by address, given the MAC
    strap: tuple[int, int, int]  # strapping register, its value after a normal and after a download start
    watchdog: int | None  # register whose top bit starts a watchdog that resets the chip
    security_info: bool  # GET_SECURITY_INFO answers
    drifting_baud: bool  # the ROM takes baud rates in units of its own, wrong idea of the crystal
    words: RomWords


MAGIC_REGISTER = 0x40001000

# ESP32: the ROM gauges the crystal with an RC oscillator (fuse CK8M, 0x6C) and a calibration counter; both stand in registers.
_ESP32_CK8M = 0x6C
_ESP32_CALIBRATION = 948
ESP32_GAUGED_HZ = _ESP32_CALIBRATION * 15_625 * _ESP32_CK8M // 40


def _esp32_fuses(mac: bytes) -> dict[int, int]:
    fuse = 0x3FF5A000
    return {
        fuse: 0,  # no flash encryption
        fuse + 0x04: int.from_bytes(mac[2:], "big"),
        fuse + 0x08: int.from_bytes(mac[:2], "big"),
        fuse + 0x0C: 1 << 15 | 1 << 13 | 1 << 9,  # revision bit 0, rated 240 MHz, package D0WD
        fuse + 0x10: _ESP32_CK8M,
        fuse + 0x14: 1 << 24 | 1 << 20,  # minor revision 1, revision bit 1
        fuse + 0x18: 0,  # no secure boot, no coding scheme
        0x3FF6607C: 1 << 31 | 0x16042000,  # APB_CTRL date: revision bit 2
        0x3FF40014: CRYSTAL_HZ // CONSOLE_BAUD,  # UART clock divider
        0x3FF5F06C: _ESP32_CALIBRATION << 7,
        0x3FF48074: 0,  # flash voltage not forced
    }


def _esp32s3_fuses(mac: bytes) -> dict[int, int]:
    block1, block2 = 0x60007044, 0x6000705C
    return {
        0x60007030: 0,  # no disabled download modes
        0x60007034: 0,  # no flash encryption, no key purposes
        0x60007038: 0,  # no secure boot
        0x6000703C: 0,  # quad flash
        block1: int.from_bytes(mac[2:], "big"),
        block1 + 0x04: int.from_bytes(mac[:2], "big"),
        block1 + 0x0C: 3 << 24 | 2 << 18,  # block version 1.3, QFN56, minor revision 2, no flash in the package
        block1 + 0x10: 0,
        block1 + 0x14: 0,
        block2 + 0x10: 1,
        0x60000014: CRYSTAL_HZ // CONSOLE_BAUD,
        0x6000812C: 0,  # download mode not forced by software
    }


CHIPS = {
    "esp32": Chip(
        name="ESP32", image_id=0, boot_offset=0x1000, magic=0x00F01D83,
        spi=SpiBlock(0x3FF42000, usr=0x1C, usr1=0x20, usr2=0x24, miso_len=0x2C, w0=0x80, address_at_top=True),
        fuses=_esp32_fuses, strap=(0x3FF44038, 0x13, 0x03), watchdog=None, security_info=False, drifting_baud=True,
        words=RomWords(
            greeting="ets Jul 29 2019 12:21:46\r\n\r\n",
            causes={"power": "0x1 (POWERON_RESET)", "watchdog": "0x10 (RTCWDT_RTC_RESET)", "software": "0xc (SW_CPU_RESET)"},
            app_boot="boot:0x13 (SPI_FAST_FLASH_BOOT)",
            download_boot="boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
        ),
    ),
    "esp32s3": Chip(
        name="ESP32-S3", image_id=9, boot_offset=0x0, magic=0x9,
        spi=SpiBlock(0x60002000, usr=0x18, usr1=0x1C, usr2=0x20, miso_len=0x28, w0=0x58, address_at_top=False),
        fuses=_esp32s3_fuses, strap=(0x60004038, 0x08, 0x00), watchdog=0x60008098, security_info=True, drifting_baud=False,
        words=RomWords(
            greeting="ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n",
            causes={"power": "0x1 (POWERON)", "watchdog": "0x10 (RTCWDT_RTC_RST)", "software": "0xc (RTC_SW_CPU_RST)"},
            app_boot="boot:0x8 (SPI_FAST_FLASH_BOOT)",
            download_boot="boot:0x0 (DOWNLOAD(USB/UART0))",
        ),
    ),
}
