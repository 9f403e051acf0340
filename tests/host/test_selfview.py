"""Crashes against the source."""

from __future__ import annotations

from kerb import crashes
from kerbstone import selfview
from kerbstone.codec.profile import load_profile
from kerbstone.paths import firmware_dir


def test_no_two_files_of_the_firmware_share_a_code() -> None:
    names = list(firmware_dir().rglob("*.py"))
    assert len(selfview.sources()) == len(names) > 100


def test_both_sides_tell_a_file_and_an_exception_alike() -> None:
    assert crashes.file_code("kerb/node.py") == selfview.file_code("kerb/node.py")
    states = next(c for c in load_profile("crash").channels if c.name == "error").names
    assert [name.replace("_", "") for name in states] == ["other", *(name.lower() for name in crashes.ERRORS[1:])]


def test_a_line_of_another_firmware_is_said_to_be_one() -> None:
    lines = selfview.crash_lines({"file_1": 1, "line_1": 2, "file_2": selfview.file_code("kerb/node.py"), "line_2": 1})
    assert lines[0] == "file 1 (of another firmware):2: ?"
    assert lines[1:] == ['kerb/node.py:1: """The life of a node: wake, sense, decide, store, send, sleep."""']
