"""A port somebody else lets go of in a moment is waited for; one that stays held is told."""

import os
import threading
import time
from pathlib import Path

import pytest
import serial

from kerbstone.errors import LinkError
from kerbstone.flash import link


@pytest.fixture
def port():
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_lock_that_a_copy_of_the_descriptor_still_holds_is_waited_for(port):
    holder = serial.Serial(port, exclusive=True)
    copy = os.dup(holder.fd)  # as a program has that was just forked
    holder.close()
    threading.Timer(0.3, os.close, [copy]).start()
    began = time.monotonic()
    link._open(port).close()
    assert time.monotonic() - began > 0.2, "the copy alone held it"


def test_a_port_that_stays_held_is_told_within_seconds(port):
    with serial.Serial(port, exclusive=True), pytest.raises(LinkError, match=r"another program has it open; close that one"):
        link._open(port)


def test_a_port_that_is_not_there_is_told_at_once(tmp_path: Path):
    began = time.monotonic()
    with pytest.raises(LinkError, match="there is no such port"):
        link._open(str(tmp_path / "ttyUSB7"))
    assert time.monotonic() - began < link._HELD_S
