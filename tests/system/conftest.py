"""Fixtures of whole journeys: one day of the street."""

from __future__ import annotations

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
