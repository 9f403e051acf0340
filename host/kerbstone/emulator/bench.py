"""A bench: one kernel, one air, and the nodes that lie on it. A run of the command and a user's test both work on one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from kerbstone.build.node import Node
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.faults.arm import arm, free_blocks
from kerbstone.emulator.faults.model import Order, Scene
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.radio_cell import ORIGIN, Place, RadioCell
from kerbstone.emulator.runtime import Runtime, Surroundings, build
from kerbstone.emulator.world.site import Site


class Bench:
    """Nodes on one clock. Close it, or use it in a `with`: it holds processes and files.

    `hosts`: {name the firmware asks for: (host, port)}, may grow later; `login`: MQTT user and password; `tls_identity`: what
    nodes that want TLS hold; `start_utc`: seconds since
    1970 at virtual time 0; `over_site`: what to put around each node's site; `lns`: another network
    server than the bench's own; `gateways`: where they stand. Raises EngineError when there is no interpreter.
    """

    def __init__(self, seed: int, start_utc: int, hosts: dict[str, tuple[str, int]] | None = None,
                 login: tuple[str, str] | None = None, tls_identity: dict[str, str] | None = None,
                 over_site: Callable[[Site], Site] | None = None, lns: Lns | None = None, gateways: Sequence[Place] = (ORIGIN,)):
        found = interpreter.find()
        self.kernel = Kernel()
        self.seed = seed
        self.start_utc = start_utc
        self.hosts = {} if hosts is None else hosts
        self.runtimes: list[Runtime] = []
        self._armed = 0
        self.radio = RadioCell(self.kernel, seed, start_utc, lns, gateways)
        with ExitStack() as stack:
            self.folder = folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kerbstone-")))
            zygote = stack.enter_context(Zygote(found))
            stack.callback(self.radio.close)
            stack.callback(self._close_nodes)
            self._around = Surroundings(
                self.kernel, zygote, found, shim_folder(), folder, seed, start_utc, self.hosts, login, tls_identity or {},
                self.radio.channel, over_site=over_site,
            )
            self._stack = stack.pop_all()

    def add(self, node: Node, faults: Sequence[Order] = (), batch: Node | None = None) -> Runtime:
        """Builds a node, switched off. `faults`: those that are to strike it may make it another (flash_full). `batch`: the node whose
        files it carries, as boards of a batch do; keep it for as long as the bench.

        Raises NodeFileError or EngineError when it cannot be built.
        """
        self._around.free_blocks.update(free_blocks(faults, [node]))
        runtime = build(self._around, node, batch)
        self.runtimes.append(runtime)
        self.radio.register(runtime)
        return runtime

    def start(self) -> None:
        """Network server and gateway begin to work, if a node on the bench needs them."""
        self.radio.start()

    def arm(self, faults: Sequence[Order]) -> None:
        """Schedules faults for the nodes on the bench; a time that is past means now."""
        arm(faults, Scene(self.kernel, self.seed, {r.node.name: r for r in self.runtimes}, self.radio), self._armed)
        self._armed += len(faults)

    def run(self, until_us: int) -> None:
        """Lets virtual time pass up to `until_us`."""
        self.kernel.run(until_us)

    def _close_nodes(self) -> None:
        for runtime in self.runtimes:
            runtime.close()

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
