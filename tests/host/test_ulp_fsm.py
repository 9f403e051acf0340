"""The virtual ULP-FSM: what its instructions do, and how long they take."""

import pytest

from kerbstone.build.ulp_asm import assemble
from kerbstone.emulator.board.ulp.fsm import MEMORY_WORDS, Fsm
from kerbstone.errors import EngineError


class Peripherals:
    def __init__(self):
        self.words, self.written, self.woken = {}, [], 0

    def read(self, register):
        return self.words.get(register, 0)

    def write(self, register, high, low, data):
        self.written.append((register, high, low, data))

    def wake(self):
        self.woken += 1


def ran(source, peripherals=None, **words):
    """The FSM after one run, and the cycles it yielded. `words`: w5=1 puts 1 at word 5."""
    code = assemble(source).words
    memory = [*code, *[0] * (MEMORY_WORDS - len(code))]
    for name, value in words.items():
        memory[int(name[1:])] = value
    fsm = Fsm(memory, peripherals or Peripherals())
    return fsm, list(fsm.run(0))


@pytest.mark.parametrize(
    ("line", "r0"),
    [
        ("add r0, r1, r2", 0x0004), ("sub r0, r2, r1", 0x000A), ("sub r0, r1, r2", 0xFFF6), ("and r0, r1, 0x0F", 0x000D),
        ("or r0, r1, r2", 0xFFFF), ("lsh r0, r2, 12", 0x7000), ("rsh r0, r1, 12", 0x000F), ("move r0, r2", 7), ("move r0, 0x8001", 0x8001),
    ],
)  # fmt: skip
def test_arithmetic_is_of_16_bits(line, r0):
    assert ran(f"move r1, 0xFFFD\nmove r2, 7\n{line}\nhalt")[0].r[0] == r0


@pytest.mark.parametrize(
    ("line", "condition", "taken"),
    [
        ("add r0, r1, 0xFFFB", "ov", True), ("add r0, r1, 0xFFFA", "ov", False),
        ("sub r0, r1, 6", "ov", True), ("sub r0, r1, 5", "ov", False),
        ("sub r0, r1, 5", "eq", True), ("and r0, r1, 2", "eq", True), ("and r0, r1, 4", "eq", False),
        ("sub r0, r1, 5\nmove r0, 9", "eq", True),  # MOVE leaves the flags alone
    ],
)  # fmt: skip
def test_flags_decide_jumps(line, condition, taken):
    fsm, _ = ran(f"move r1, 5\n{line}\njump there, {condition}\nmove r3, 1\nhalt\nthere:\nmove r3, 2\nhalt")
    assert fsm.r[3] == (2 if taken else 1)


@pytest.mark.parametrize(("condition", "rounds"), [("lt", 6), ("le", 7)])
def test_the_stage_counter_counts_rounds(condition, rounds):
    fsm, _ = ran(f"move r1, 0\nstage_rst\nagain:\nadd r1, r1, 1\nstage_inc 1\njumps again, 6, {condition}\nhalt")
    assert fsm.r[1] == rounds


def test_a_subroutine_returns_to_its_register():
    fsm, _ = ran("move r3, back\njump away\nback:\nmove r1, 1\nhalt\naway:\nmove r2, 2\njump r3")
    assert fsm.r[1:3] == [1, 2]


def test_what_is_stored_has_the_place_of_the_instruction_above_it_and_only_the_value_is_loaded():
    fsm, _ = ran("move r1, 100\nmove r2, 0xBEEF\nst r2, r1, 8\nld r0, r1, 8\nhalt")
    assert fsm.memory[102] == 2 << 21 | 1 << 16 | 0xBEEF
    assert fsm.r[0] == 0xBEEF


def test_bits_of_registers_are_written_and_read():
    peripherals = Peripherals()
    peripherals.words[0x424 // 4] = 0x00013C00
    fsm, _ = ran("reg_wr 0x60008484, 20, 13, 0x41\nreg_rd 0x60008424, 13, 10\nhalt", peripherals)
    assert peripherals.written == [(0x484 // 4, 20, 13, 0x41)] and fsm.r[0] == 0xF


@pytest.mark.parametrize(
    ("source", "cycles"),
    [
        ("halt", 2), ("nop\nhalt", 8), ("move r0, 1\nhalt", 8),
        ("reg_wr 0x60008000, 1, 1, 1\nhalt", 14), ("reg_rd 0x60008000, 1, 1\nhalt", 10),
        ("ld r0, r1, 0\nhalt", 10), ("st r0, r1, 400\nhalt", 10), ("jump on\non:\nhalt", 6), ("stage_inc 1\nhalt", 8), ("wake\nhalt", 8),
        ("wait 100\nhalt", 108),
    ],
)  # fmt: skip
def test_instructions_take_the_cycles_of_the_manual(source, cycles):
    assert ran(source)[1] == [cycles]


def test_the_world_moves_while_a_program_waits_long():
    assert ran("wait 17500\nmove r0, 1\nhalt")[1] == [17506, 8]


def test_wake_reaches_the_chip():
    peripherals = Peripherals()
    ran("wake\nhalt", peripherals)
    assert peripherals.woken == 1


@pytest.mark.parametrize(("word", "words"), [(0xA0000000, "no instruction this emulator knows"), (0x60000000, "a way to store")])
def test_what_is_not_modelled_is_said(word, words):
    with pytest.raises(EngineError, match=words):
        ran("halt", w0=word)
