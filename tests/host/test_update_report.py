"""The report of an update: both sides use the same words, and what the firmware packs is what the profile reads."""

from __future__ import annotations

import re
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerb
from kerbstone.codec import decode_any, load_profile
from kerbstone.paths import firmware_dir


@pytest.fixture(scope="module")
def report() -> types.ModuleType:
    """kerb/update/report.py, with the stage 0 it lies on."""
    sys.path.append(str(firmware_dir()))
    try:
        from kerb.update import report as found
    finally:
        sys.path.remove(str(firmware_dir()))
    return found


def test_states_and_reasons_are_the_words_of_the_catalogue_and_none_is_missing(report: types.ModuleType):
    import stage0
    from kerb.update.envelope import REASONS

    channels = {c.name: c for c in load_profile("update").channels}
    assert channels["update_state"].names == report.STATES
    assert channels["update_reason"].names == report.REASONS
    assert {"none", *REASONS, *stage0.REASONS[1:]} == set(report.REASONS), "stage 0 imports nothing, so this alone holds them together"
    assert tuple(c.bits for c in load_profile("update").channels) == report.BITS
    assert load_profile("update").number == report.UPDATE and kerb


def test_every_reason_can_come_and_none_comes_that_is_no_reason(report: types.ModuleType):
    """"asked" has its place in stage 0, which is flashed once: a later package may send a board back when it is told to."""
    root = firmware_dir()
    texts = [path.read_text() for path in (root / "kerb" / "update").glob("*.py")]
    stages = [(root / name).read_text() for name in ("stage0.py", "main.py", "kerb/node.py")]
    refused = {word for text in texts for word in re.findall(r'(?:Refused|_refuse)\("(\w+)"', text)} | {"flash", "memory"}
    assert '_refuse("flash" if isinstance(error, OSError) else "memory"' in (root / "kerb" / "update" / "agent.py").read_text()
    left = {word for text in (*texts, *stages) for word in re.findall(r'(?:abandon|fall_back)\("(\w+)"\)', text)}
    assert refused | left | {"none", "asked"} == set(report.REASONS)


@settings(deadline=None, max_examples=60)
@given(state=st.integers(0, 6), reason=st.integers(0, 20), sequence=st.none() | st.integers(1, 2**31 - 1),
       piece=st.none() | st.tuples(st.integers(0, 65534), st.integers(0, 65534), st.integers(1, 65534)))
def test_what_the_firmware_packs_is_what_the_profile_reads(report: types.ModuleType, state: int, reason: int, sequence, piece):
    frame = report.message(report.STATES[state], report.REASONS[reason], sequence, piece)
    assert len(frame) == (12 if piece else 6) > report.START
    decoded = decode_any([load_profile("update")], frame.hex())
    assert decoded.record == ("progress" if piece else "outcome")
    values = decoded.values
    assert (values["update_state"], values["update_reason"]) == (report.STATES[state], report.REASONS[reason])
    assert values["update_number"] == (None if sequence is None else sequence % 4194303)
    if piece:
        assert tuple(values[name] for name in ("bundle", "fragments", "fragments_wanted")) == piece
