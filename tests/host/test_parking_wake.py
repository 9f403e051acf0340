"""How long after the comparator the ready parking node looks at the field: the simulated bay of the application's tests goes by it."""

import sys
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware"))

from bay_watch import BOOT_US, FIRST_LOOK_US, LAST_LOOK_US, LOOKS_US

from kerbstone.build.node import load_node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.parts.lis2mdl import OUT
from kerbstone.emulator.run import START_UTC

EXT1 = 3  # machine.wake_reason()


def test_the_first_looks_come_while_the_firmware_is_imported_and_the_first_sample_as_assumed():
    with Bench(1, START_UTC) as bench:
        node = bench.add(load_node("parking"))
        part = node.parts["mag"]
        reads, fetch = [], part._fetch

        def fetched(register):
            if register == OUT:
                reads.append(bench.kernel.now)
            return fetch(register)

        part._fetch = fetched
        bench.start()
        bench.kernel.at(0, node.device.power_on)
        bench.run(3 * 3600 * 1_000_000)
        wakes = [e[0] for e in bench.kernel.log.events if e[2] == "wake" and e[3]["reason"] == EXT1]
        node.device.stop()
    woken = wakes[0]
    looks = [t - woken for t in reads if woken < t < woken + 2_000_000]
    # The driver reads once to throw away what is old; then the looks; then the application's samples, 50 ms apart.
    gaps = [b - a for a, b in pairwise(looks)]
    samples = next(i for i in range(len(gaps) - 3) if all(45_000 < gap < 60_000 for gap in gaps[i : i + 3]))
    early = looks[1:samples]
    print(f"looks at {[round(t / 1000) for t in early]} ms, samples from {looks[samples] / 1000:.0f} ms")
    assert early[0] <= FIRST_LOOK_US
    assert early[-1] >= LAST_LOOK_US - LOOKS_US
    assert (early[-1] - early[0]) / (len(early) - 1) <= LOOKS_US
    assert looks[samples] <= BOOT_US
