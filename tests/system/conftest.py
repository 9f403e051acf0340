"""Fixtures of whole journeys: one day of the street, and a real Mosquitto."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerbstone.build.node import load_node
from kerbstone.cli.emulate import STREET
from kerbstone.emulator.result import NodeResult, RunResult
from kerbstone.emulator.run import run

DAY_US = 86_400_000_000


@pytest.fixture(scope="session")
def street_day() -> RunResult:
    return run([load_node(name) for name in STREET], 1, DAY_US)


@pytest.fixture(scope="session")
def nodes(street_day: RunResult) -> dict[str, NodeResult]:
    return {n.name: n for n in street_day.nodes}


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Mosquitto of our own on loopback."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is not installed")
        pytest.skip("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config: Path = tmp_path_factory.mktemp("mosquitto") / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"mqtt://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)
