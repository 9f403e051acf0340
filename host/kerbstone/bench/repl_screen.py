"""What a board's console shows: the interpreter's own words, with the board's banner in place of the PC's."""

from __future__ import annotations

import re

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_FRIENDLY_END = b"for more information.\r\n"
_KEEP = max(len(RAW_BANNER), len(_FRIENDLY_END)) - 1
# The unix port writes the two halves of its banner one after the other.
_HEAD = re.compile(rb"MicroPython \S{1,40} on (\d{4}-\d\d-\d\d)\Z")
_BANNER = re.compile(rb"MicroPython \S{1,40} on (\d{4}-\d\d-\d\d); \w+ \[[^\]\r\n]{1,40}\] version")


class Screen:
    """Follows one console's output and knows whether the raw prompt is up. `machine` is how the port names the board."""

    def __init__(self, version: str, machine: str):
        self.raw = False
        self._banner = f"MicroPython {version} on ".encode() + b"%s" + f"; {machine}".encode()
        self._held = b""
        self._tail = b""
        self._until_raw = False

    def restart(self, raw: bool) -> None:
        """A new interpreter begins; with `raw`, everything from `prompt` to its raw banner is hidden."""
        self.raw = raw
        self._held = self._tail = b""
        self._until_raw = False

    def prompt(self) -> None:
        """The interpreter is about to show its first prompt."""
        self._until_raw = self.raw

    @property
    def hiding(self) -> bool:
        return self._until_raw

    def take(self, data: bytes) -> bytes:
        """Gives what to show of the interpreter's output `data`."""
        data = self._held + data
        self._held = b""
        if self._until_raw:
            at = data.find(RAW_BANNER)
            if at < 0:
                self._held = data
                return b""
            self._until_raw = False
            data = data[at:]
        self._follow(data)
        data = _BANNER.sub(self._replace, data)
        head = _HEAD.search(data)
        if head:
            self._held = data[head.start() :]
            data = data[: head.start()]
        return data

    def rest(self) -> bytes:
        """What was kept back when the interpreter ended."""
        held, self._held = self._held, b""
        return b"" if self._until_raw else held

    def _replace(self, found: re.Match[bytes]) -> bytes:
        return self._banner % found[1]

    def _follow(self, data: bytes) -> None:
        text = self._tail + data
        raw, friendly = text.rfind(RAW_BANNER), text.rfind(_FRIENDLY_END)
        if raw != friendly:
            self.raw = raw > friendly
        self._tail = text[-_KEEP:]
