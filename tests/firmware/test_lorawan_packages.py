"""Application packages and modem timers: what was cut comes back, what was sent is read, in every order and with every loss."""

import random

import float32
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

float32.install_micropython()

from kerb.modem import timers
from kerb.uplink.lorawan.packages import clock_sync, fragments, images, multicast, wire

PACKAGES = (clock_sync, multicast, images)
TABLES = [t for p in PACKAGES for t in (p.DOWN, p.UP)] + [t for tables in (fragments.DOWN, fragments.UP) for t in tables.values()]
LAYOUTS = [(cid, name, layout) for table in TABLES for cid, (name, layout) in table.items()]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LAYOUTS), st.data())
def test_a_command_is_read_as_it_was_written(row, data):
    cid, _, layout = row
    fields = {}
    for name, bits, ending in wire._fields(layout):
        if name == "-":
            continue
        if bits is None:
            fields[name] = data.draw(st.binary(max_size=20))
            continue
        low = -(1 << bits - 1) if "s" in ending else 0
        value = data.draw(st.integers(low, low + (1 << bits) - 1))
        fields[name] = value.to_bytes(bits // 8, "little") if "x" in ending else value * 100 if "h" in ending else value
    packed = wire.pack(cid, layout, fields)
    assert packed[0] == cid
    assert wire.unpack(layout, packed[1:]) == (fields, len(packed) - 1)
    whole = sum(bits or 0 for _, bits, ending in wire._fields(layout) if "?" not in ending) // 8
    for size in range(whole):
        assert wire.unpack(layout, packed[1 : 1 + size]) is None


def test_every_layout_fills_whole_bytes_and_a_value_that_does_not_fit_is_refused():
    for _, name, layout in LAYOUTS:
        assert sum(bits or 0 for _, bits, _ in wire._fields(layout)) % 8 == 0, name
    with pytest.raises(ValueError, match="token"):
        wire.pack(1, clock_sync.UP[1][1], {"token": 16})
    with pytest.raises(ValueError, match="time_correction"):
        wire.pack(1, clock_sync.DOWN[1][1], {"time_correction": 1 << 31})


def coded(pieces: list[bytes], n: int, version: int) -> bytes:
    if n <= len(pieces):
        return pieces[n - 1]
    mask, out = fragments.parity(n - len(pieces), len(pieces), version), bytearray(len(pieces[0]))
    for i, piece in enumerate(pieces):
        if mask >> i & 1:
            fragments.xor_into(out, piece)
    return bytes(out)


def rank(rows: list[int]) -> int:
    """Rank of a matrix over GF(2), a row an integer."""
    pivots: dict[int, int] = {}
    for row in rows:
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 60), st.integers(1, 12), st.sampled_from([1, 2]), st.floats(0.0, 0.9), st.integers(0, 2**32))
def test_a_block_comes_back_as_soon_as_the_fragments_are_enough_and_not_before(count, size, version, loss, seed):
    rng = random.Random(seed)
    pieces = [rng.randbytes(size) for _ in range(count)]
    numbers = [n for n in range(1, 4 * count + 30) if rng.random() >= loss]
    rng.shuffle(numbers)
    decoder = fragments.Defragmenter(count, size, version, count)
    rows: list[int] = []
    for n in numbers:
        rows.append(1 << n - 1 if n <= count else fragments.parity(n - count, count, version))
        new = decoder.take(n, coded(pieces, n, version))
        assert new is (rank(rows) > rank(rows[:-1]))
        assert decoder.done is (rank(rows) == count)
        if decoder.done:
            break
    if decoder.done:
        assert decoder.data() == b"".join(pieces)
        assert decoder.data(1) == b"".join(pieces)[:-1]


def test_the_two_versions_draw_different_halves_and_are_not_mixed_up():
    assert any(fragments.parity(line, 20, 1) != fragments.parity(line, 20, 2) for line in range(1, 5))
    for line in range(1, 40):
        assert fragments.parity(line, 20, 2).bit_count() == 10
        assert fragments.parity(line, 20, 1).bit_count() <= 10


def test_a_fragment_of_the_wrong_length_or_number_changes_nothing():
    decoder = fragments.Defragmenter(4, 3, 2, 4)
    assert [decoder.take(0, b"abc"), decoder.take(1, b"ab"), decoder.take(1, b"abcd")] == [False] * 3
    assert (decoder.missing, decoder.done) == (4, False)


@pytest.mark.parametrize("units", [timers.T3412, timers.T3324], ids=["T3412", "T3324"])
def test_a_timer_is_never_shorter_than_asked_for_and_in_the_finest_unit(units):
    for seconds in [*range(0, 4000), 100_000, 252_000, 1_000_000, 30_000_000]:
        try:
            bits = timers.encode(units, seconds)
        except ValueError:
            assert seconds > max(unit for unit, _ in units) * 31
            continue
        got = timers.decode(units, bits)
        assert got is not None and got >= seconds
        finer = [unit for unit, _ in units if unit * 31 >= seconds]
        assert got - seconds < min(finer), "rounded up by less than one unit"


def test_timers_as_the_network_writes_them():
    assert timers.encode(timers.T3412, 70 * 3600) == "01000111"
    assert timers.decode(timers.T3412, "01011111") == 31 * 36_000
    assert [timers.decode(units, timers.OFF) for units in (timers.T3412, timers.T3324)] == [None, None]
    assert timers.edrx_bits(timers.EDRX_NB, 2000) == "0010"
    assert timers.edrx_bits(timers.EDRX_NB, 4097) == "0101"
    assert timers.edrx_bits(timers.EDRX_NB, 10**9) == "1111"
    assert timers.edrx_bits(timers.EDRX_LTE_M, 513) == "0001"
