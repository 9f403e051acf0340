"""One chain of power cuts: a node lives, is cut at flash operation n, lives again, is cut at n + step, and so on; then it settles.

Everything the far end got, and everything that was on the air, is held against what the node must never do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from lived import SEED, Life, changed, live

from kerbstone.build.node import Node
from kerbstone.codec import load_profile
from kerbstone.codec.decode import decode_any
from kerbstone.emulator import radio_cell
from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.console import Account
from kerbstone.emulator.faults import fault, repeat
from kerbstone.emulator.tally import SERVICE, Arrival

SETTLE_S = 3600  # after the last cut: time enough for every record that waits
_TAIL = 12  # records of the last hour: only they may still wait
_JOIN_REQUEST, _DATA_UP, _CONFIRMED_UP = 0, 2, 4  # MType, LoRaWAN 1.0.4 table 1

# A day in two hours: what is hourly or rarer happens every five minutes. Not faster: the air allows a slow LoRaWAN frame no more often,
_COMPRESSED = (
    (r"(?m)^(period_s|report_s|heartbeat_s|resync_s) = [1-9]\d*", r"\1 = 300"),
    (r"(?m)^deep_sleep = false", "deep_sleep = false\nsave_s = 300"),
)


@dataclass
class Chain:
    """What to do. Picklable."""

    name: str
    folder: Path
    first: int
    step: int
    times: int
    kind: str  # "clean" or "torn" power cut, or "reset" by the watchdog
    seconds: int


@dataclass
class Outcome:
    """What came of it; `problems` is empty when all is well."""

    chain: Chain
    cuts: int = 0
    readings: int = 0
    repeats: int = 0
    problems: list[str] = field(default_factory=list)


class RecordingChannel(Channel):
    """Keeps every frame with the time it began."""

    frames: list[Transmission]  # of the last run in this process

    def transmit(self, tx: Transmission) -> None:
        RecordingChannel.frames.append(tx)
        super().transmit(tx)


def run_chain(chain: Chain) -> Outcome:
    """Runs the chain and judges it."""
    node = changed(chain.name, chain.folder, *_COMPRESSED)
    options = {"torn": True} if chain.kind == "torn" else {}
    cut = fault("watchdog_op" if chain.kind == "reset" else "power_cut_op", op=chain.first, step=chain.step, times=chain.times, **options)
    RecordingChannel.frames = []
    radio_cell.Channel = RecordingChannel  # type: ignore[misc]
    life = live(node, chain.seconds, [cut])
    outcome = _judge(Outcome(chain), life)
    power_ons = [0] + [t for t, _ in life.of("fault_ends")]
    outcome.problems += air_problems(RecordingChannel.frames, power_ons)
    if outcome.problems:
        outcome.problems.append(repeat.command_line([str(node.file.path)], f"{chain.seconds}s", SEED, [cut]))
    return outcome


def _judge(outcome: Outcome, life: Life) -> Outcome:
    account, arrivals, seconds = life.account, life.arrivals, outcome.chain.seconds
    outcome.cuts = len(life.of("fault_begins"))
    outcome.readings = len(account.put)
    last = max((t for t, _ in life.of("fault_ends")), default=0)
    stuck = account.waiting - set(sorted(account.put, key=lambda name: name[1:])[-_TAIL:])
    problems = {
        f"{outcome.cuts} of {outcome.chain.times} cuts": outcome.cuts != outcome.chain.times,
        f"{seconds - last // 1_000_000} s left to settle": seconds * 1_000_000 - last < SETTLE_S * 900_000,
        "nothing arrived after the last cut": sum(a.t_us > last for a in arrivals) < 3,
        f"{sorted(stuck)} wait though later ones left": bool(stuck),
        f"gave up {account.dropped}": bool(account.dropped),
        f"errors on the console: {account.errors[-4:]}": bool(account.errors),
        f"crashed: {account.notes[:3]}": any(n.startswith("crash") for n in account.notes),
    }
    outcome.problems += [text for text, wrong in problems.items() if wrong]
    outcome.problems += record_problems(life.node, account, arrivals)
    profiles = [load_profile(name) for name in (life.node.profile, *SERVICE)]
    outcome.repeats = sum(decode_any(profiles, a.payload).repeat for a in arrivals)
    return outcome


def record_problems(node: Node, account: Account, arrivals: list[Arrival]) -> list[str]:
    """Records with a receipt that did not arrive, and records that left twice without saying so; by the names the node gave them."""
    profiles = [load_profile(name) for name in (node.profile, *SERVICE)]
    left: dict[str, list[str]] = defaultdict(list)
    for name, frame in account.sent:
        left[name].append(frame)
    arrived = Counter(a.payload.hex() for a in arrivals)
    receipted = Counter(left[name][-1] for name in account.receipts)
    found = [f"lost: {frame} was receipted {count} times, arrived {arrived[frame]}" for frame, count in (receipted - arrived).items()]
    for name, frames in left.items():
        unmarked = sum(not decode_any(profiles, bytes.fromhex(f)).repeat for f in frames)
        if unmarked > 1:
            found.append(f"record {name} left {unmarked} times unmarked: {frames}")
    return found


def air_problems(frames: list[Transmission], power_ons: list[int]) -> list[str]:
    """DevNonces that were used twice, and frame counters that came again after a loss of power or with another content."""
    nonces: dict[bytes, int] = defaultdict(int)
    counters: dict[bytes, set[tuple[int, bytes]]] = defaultdict(set)
    for tx in frames:
        if tx.iq_inverted:
            continue
        life = sum(t <= tx.start_us for t in power_ons)
        kind = tx.payload[0] >> 5
        if kind == _JOIN_REQUEST:
            nonces[tx.payload[17:19]] += 1
        elif kind in (_DATA_UP, _CONFIRMED_UP):
            # Within one life, the same bytes again are the repetitions the standard allows (NbTrans).
            counters[tx.payload[1:5] + tx.payload[6:8]].add((life, tx.payload))
    found = [f"DevNonce {n.hex()} used {count} times" for n, count in nonces.items() if count > 1]
    return found + [f"counter {c.hex()} used by {len(uses)} frames" for c, uses in counters.items() if len(uses) > 1]
