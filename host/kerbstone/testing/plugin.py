"""The pytest plugin `kerbstone`: emulated nodes, targets, a broker and a network server as fixtures."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kerbstone.build.node import load_node
from kerbstone.emulator.air.network import NetworkServer
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
    """One sentence in place of a traceback for what a person can put right; below a failure, the command that repeats it."""
    report = yield
    if report.failed and {"kerb_node", "kerb_target"} & set(getattr(item, "fixturenames", ())):  # type: ignore[attr-defined]
        report.sections.append(("To repeat it", _again(item)))  # type: ignore[attr-defined]
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, KerbstoneError) and not isinstance(error, AssertionError) and report.failed:  # type: ignore[attr-defined]
        report.longrepr = str(error)  # type: ignore[attr-defined]
    return report


def _again(item: pytest.Item) -> str:
    seed, where = item.config.getoption("--kerb-seed"), item.config.getoption("--target")
    return shlex.join(["pytest", item.nodeid, f"--kerb-seed={seed}", f"--target={where}"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test whose node exceeds the [budget] of its file has failed, whatever else it asked."""
    yield
    bench = getattr(item, "funcargs", {}).get("kerb_node")
    if isinstance(bench, TestBench):
        bench.judge()


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


@pytest.fixture
def kerb_fault(kerb_node: TestBench) -> Callable[..., None]:
    """Strikes the nodes of this test now: kerb_fault("gateway_away", lasts="2h"). `kerbstone faults` lists them with their parameters."""
    return kerb_node.strike


@pytest.fixture
def kerb_network(kerb_node: TestBench) -> Callable[[], NetworkServer]:
    """Gives the LoRaWAN network server of this test's nodes: its devices, and downlinks to them."""
    return lambda: kerb_node.network


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
