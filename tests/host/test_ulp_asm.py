"""The coprocessor's assembler against another one, and the program on the board against its source."""

import subprocess
import sys
from pathlib import Path
from struct import unpack_from

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerb.drivers import lis2mdl_code
from kerbstone.build.ulp_asm import assemble
from kerbstone.emulator.board.ulp.foresight import program
from kerbstone.errors import UlpError
from kerbstone.paths import firmware_dir

ROOT = Path(__file__).parents[2]
# What micropython-esp32-ulp (commit 1e808ad, 2026-08-08, cpu "esp32s2") makes of these lines, one after another; `first` stands at 0.
WORDS = (
    ("move r0, 0x1234", 0x74812340),
    ("move r1, r2", 0x70800029),
    ("move r3, last", 0x74800233),
    ("add r0, r1, r2", 0x70000024),
    ("add r3, r3, 65535", 0x740fffff),
    ("sub r2, r1, r0", 0x70200006),
    ("sub r0, r0, 24", 0x74200180),
    ("and r1, r1, 1", 0x74400015),
    ("or r2, r2, r0", 0x7060000a),
    ("lsh r0, r3, 1", 0x74a0001c),
    ("rsh r0, r2, 8", 0x74c00088),
    ("lsh r1, r2, r3", 0x70a00039),
    ("st r2, r3, 8", 0x6800098e),
    ("ld r0, r1, 40", 0xd0002804),
    ("ld r3, r2, 0", 0xd000000b),
    ("jump first", 0x84000000),
    ("jump last, eq", 0x8440008c),
    ("jump last, ov", 0x8480008c),
    ("jump r3", 0x84200003),
    ("jump r2, eq", 0x84600002),
    ("stage_rst", 0x78400000),
    ("stage_inc 1", 0x78000010),
    ("stage_dec 7", 0x78200070),
    ("jumps first, 8, lt", 0x8a5c8008),
    ("jumps last, 3, ge", 0x882f8003),
    ("jumps first, 200, le", 0x8a6680c8),
    ("reg_wr 0x60008134, 31, 24, 0xA5", 0x1fe2944d),
    ("reg_wr 0x60008410, 15, 15, 1", 0x17bc0504),
    ("reg_wr 0x60008904, 31, 31, 1", 0x1ffc0641),
    ("reg_rd 0x60008424, 16, 16", 0x28400109),
    ("reg_rd 0x600080d0, 27, 19", 0x2dcc0034),
    ("wait 58333", 0x4000e3dd),
    ("nop", 0x40000000),
    ("wake", 0x90000001),
    ("halt", 0xb0000000),
)


def test_every_form_of_instruction_is_encoded_as_another_assembler_does():
    source = "first:\n" + "\n".join(line for line, _ in WORDS) + "\nlast:\n"
    found = assemble(source).words
    assert [f"{line}: {word:08x}" for (line, _), word in zip(WORDS, found, strict=True)] == [f"{line}: {word:08x}" for line, word in WORDS]


@pytest.mark.parametrize(("scl", "sda"), [(6, 5), (0, 21), (21, 0), (15, 16)])
def test_the_program_with_pins_added_on_the_board_is_the_program_assembled_for_them(scl, sda):
    binary = lis2mdl_code.binary(scl, sda)
    magic, offset, text, data, bss = unpack_from("<4sHHHH", binary)
    known = program(scl, sda)
    assert (magic, offset, text, data, bss) == (b"ulp\0", 12, len(binary) - 12, 0, known.bss_bytes)
    assert list(unpack_from(f"<{text // 4}I", binary, offset)) == known.words
    assert text + bss <= 2036, "the port leaves 2040 bytes to programs, and the last word is the driver's"


def test_the_program_on_the_board_is_what_its_source_says():
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "assemble_ulp.py"), "--check"], check=False)
    assert done.returncode == 0, "run scripts/assemble_ulp.py"


def test_the_driver_knows_where_the_program_has_its_words():
    driver = (firmware_dir() / "kerb" / "drivers" / "lis2mdl_ulp.py").read_text()
    symbols = program(6, 5).symbols
    names = ("_BUSY", "_MEASURING", "_ALIVE", "_THRESHOLD", "_STOP", "_KEPT")
    words = {name: symbols["data"] + i for i, name in enumerate(names)}
    words |= {"_DEAF": symbols["data"] + 9, "_SAMPLES": symbols["samples"], "_PAST": symbols["past"]}
    for name, word in words.items():
        assert f"{name} = const(0x{0x50000000 + 4 * word:08X})" in driver


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mov r0, r1", "there is no instruction 'mov'"), ("move r4, 1", "'r4' is no register"), ("move r0, there", "'there' is no number"),
        ("move r0, 65536", "does not fit 16 bits"), ("add r0, r1", "wants more operands"), ("jump 0, lt", "there is no condition 'lt'"),
        ("reg_wr 0x3ff48000, 1, 1, 1", "no register the coprocessor reaches"), ("reg_wr 0x60008410, 10, 11, 1", "no bits 10 to 11"),
        ("move r0, 1 +", "is no number"), ("jumps 1000, 1, lt", "127 words"), (".set", "wants more operands"),
        (".space 4", "there is no instruction '.space'"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_program_is_refused_in_one_sentence(line, words):
    with pytest.raises(UlpError) as caught:
        assemble(f".text\n{line}\n")
    assert str(caught.value).startswith("Line 2: ") and words in str(caught.value) and "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@example("jumps 0, 300, lt")
@example(".set a, 9" + "9" * 40 + "\nmove r0, a")
@given(st.text(alphabet="abdejlmnopstuvwxr0123 ,.:#+-*()_\n", max_size=60))
def test_any_text_is_a_program_or_refused(text):
    try:
        assemble(text)
    except UlpError as error:
        assert "\n" not in str(error)
