"""Writes firmware/kerb/drivers/lis2mdl_code.py: the program of firmware/ulp/lis2mdl.s as the board loads it.

python scripts/assemble_ulp.py [--check]. Pins are added on the board: the program is assembled for pins 0 and again for other ones, and the
words that differ are listed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))

from kerbstone.build.ulp_asm import assemble
from kerbstone.paths import firmware_dir

_HEAD = '''"""The program of firmware/ulp/lis2mdl.s for pins 0, and which of its words want the pins: written by scripts/assemble_ulp.py."""

from struct import pack, pack_into, unpack_from

from micropython import const

_BSS = const({bss})  # bytes to clear behind it
_SCL = {scl}
_SDA = {sda}
_PADS = (({scl_pad}, 0), ({sda_pad}, 1))
_CODE = (
{code}
)


def binary(*pins):
    """As esp32.ULP.load_binary() takes it; pins: SCL, SDA."""
    code = bytearray(_CODE)
    for words, pin in zip((_SCL, _SDA), pins):
        for word in words:  # moves or reads a line: the first and the last bit are the pin's
            _add(code, word, pin << 18 | pin << 23)
    for word, which in _PADS:  # a register a pad
        _add(code, word, pins[which])
    return pack("<4sHHHH", b"ulp\\0", 12, len(code), 0, _BSS) + code


def _add(code, word, value):
    pack_into("<I", code, 4 * word, unpack_from("<I", code, 4 * word)[0] + value)
'''
_PIN = 1 << 18 | 1 << 23
_WIDTH = 24  # bytes a line


def module() -> str:
    """The text of lis2mdl_code.py."""
    source = (firmware_dir() / "ulp" / "lis2mdl.s").read_text(encoding="utf-8")
    bare = assemble(source, scl=0, sda=0)

    def where(step: int, **pins: int) -> list[int]:
        other = assemble(source, **pins).words
        return [i for i, (a, b) in enumerate(zip(bare.words, other, strict=True)) if b - a == step]

    scl, sda = where(_PIN, scl=1, sda=0), where(_PIN, scl=0, sda=1)
    (scl_pad,), (sda_pad,) = where(1, scl=1, sda=0), where(1, scl=0, sda=1)
    code = pack(f"<{len(bare.words)}I", *bare.words)
    lines = [f"    {_bytes(code[i : i + _WIDTH])}" for i in range(0, len(code), _WIDTH)]
    return _HEAD.format(
        bss=bare.bss_bytes, scl=_bytes(bytes(scl)), sda=_bytes(bytes(sda)), scl_pad=scl_pad, sda_pad=sda_pad, code="\n".join(lines)
    )


def _bytes(data: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def main() -> int:
    path = firmware_dir() / "kerb" / "drivers" / "lis2mdl_code.py"
    if "--check" in sys.argv:
        return int(path.read_text(encoding="utf-8") != module())
    path.write_text(module(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
