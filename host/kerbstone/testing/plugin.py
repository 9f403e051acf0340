"""The pytest plugin `kerbstone`: emulated nodes, targets, a broker and a network server as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kerbstone.build.node import load_node
from kerbstone.errors import KerbstoneError
from kerbstone.listen.broker import BrokerAddress, EmbeddedBroker
from kerbstone.testing.bench import TestBench
from kerbstone.testing.targets import Missing, Target, open_target

TargetFactory = Callable[[str | Path], Target]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kerbstone", "Kerbstone nodes")
    group.addoption(
        "--target", default="emulator", metavar="WHERE",
        help="where kerb_target runs scripts: emulator (default), chip, or the serial port of a board, like /dev/ttyUSB0",
    )  # fmt: skip
    group.addoption("--kerb-seed", default=1, type=int, metavar="N", help="seed of emulated nodes (default 1): same seed, same run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """One sentence in place of a traceback for what a person can put right."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, KerbstoneError) and not isinstance(error, AssertionError) and report.failed:  # type: ignore[attr-defined]
        report.longrepr = str(error)  # type: ignore[attr-defined]
    return report


@pytest.fixture(scope="session")
def kerb_broker() -> Iterator[Callable[[], BrokerAddress]]:
    """Gives the address of an embedded MQTT broker, started at the first call and shared by the session."""
    with ExitStack() as stack:
        started: list[BrokerAddress] = []

        def address() -> BrokerAddress:
            if not started:
                started.append(stack.enter_context(EmbeddedBroker()).address)
            return started[0]

        yield address


@pytest.fixture
def kerb_node(kerb_broker: Callable[[], BrokerAddress], pytestconfig: pytest.Config) -> Iterator[TestBench]:
    """A factory: kerb_node("river.toml") is an emulated node, switched on. Nodes of one test share clock, air and broker."""
    if pytestconfig.getoption("--target") != "emulator":
        pytest.skip("kerb_node runs in virtual time: only with --target emulator")
    bench = TestBench(kerb_broker, seed=pytestconfig.getoption("--kerb-seed"))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def kerb_target(pytestconfig: pytest.Config) -> Iterator[TargetFactory]:
    """A factory: kerb_target("river.toml") is a board with the node's firmware on it, where --target says; one for the module."""
    where = pytestconfig.getoption("--target")
    opened: dict[str, Target] = {}

    def factory(node: str | Path) -> Target:
        key = str(node)
        if key not in opened:
            try:
                opened[key] = open_target(where, load_node(key))
            except Missing as missing:
                pytest.skip(str(missing))
        return opened[key]

    yield factory
    for target in opened.values():
        target.close()
