"""Reads back what the firmware said on its console: lines `kerb <kind> <words>`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Account:
    """The node's own book-keeping, from its console."""

    put: dict[str, str] = field(default_factory=dict)  # record name without the try mark -> frame in hex
    sent: list[tuple[str, str]] = field(default_factory=list)  # (record name, frame as sent)
    receipts: set[str] = field(default_factory=set)
    receipt_s: dict[str, tuple[float, str]] = field(default_factory=dict)  # record name -> seconds since it was put, bearer
    dropped: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # tracebacks: lines that are not ours

    @property
    def readings(self) -> dict[str, str]:
        """Records of the application: all but the gap markers."""
        return {name: frame for name, frame in self.put.items() if not is_gap(name)}

    @property
    def waiting(self) -> set[str]:
        """Records stored and neither receipted nor given up."""
        return set(self.put) - self.receipts - self.dropped


def is_gap(name: str) -> bool:
    """A marker that counts records given up, itself a record (firmware/kerb/outbox.py)."""
    return name.endswith("g")


def _bare(name: str) -> str:
    return name.removesuffix("t")


def read(path: Path) -> Account:
    """Parses a console file."""
    account = Account()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split(" ", 3)
        if words[0] != "kerb" or len(words) < 2:
            if line.strip():
                account.errors.append(line)
            continue
        kind, rest = words[1], words[2:]
        if kind == "put" and len(rest) == 2:
            account.put[_bare(rest[0])] = rest[1]
        elif kind == "sent" and len(rest) == 2:
            account.sent.append((_bare(rest[0]), rest[1]))
            # A power cut between storing a record and saying so: the first that is heard of it is that it leaves.
            account.put.setdefault(_bare(rest[0]), rest[1])
        elif kind == "receipt":
            account.receipts.add(_bare(rest[0]))
            words = rest[1].split() if len(rest) > 1 else []
            if len(words) == 2 and words[0].isdigit():
                account.receipt_s[_bare(rest[0])] = int(words[0]) / 1000, words[1]
        elif kind == "drop":
            account.dropped.add(_bare(rest[0]))
        elif kind in ("fault", "recovered"):
            account.faults.append(" ".join(words[1:]))
        elif kind in ("note", "crash"):
            account.notes.append(" ".join(words[1:]))
    return account
