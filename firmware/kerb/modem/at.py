"""AT commands over a UART: one engine for every modem; what differs between modems is data (ITU-T V.250, 3GPP TS 27.007).

It runs when it is called, as the rest of the node does, and every wait has an end; what the modem says between two calls stays in the
receiver and in a short queue (docs/decisions/0036). A line belongs to an answer only if it is the echo, a final result, or begins as the
answer of the command does: all else is unsolicited (URC) and goes to the queue, whether it comes before, within or after an answer.
"""

from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb.errors import ModemError

_LINE_MAX = const(640)  # a longer line is no answer we asked for
_DATA_MAX = const(600)  # most bytes of a counted answer: nobody asks for more at once
_URCS = const(8)
_LINES = const(16)  # of one answer
_LOOK_LINES = const(32)  # taken in one look, however many a modem sends
_LOOK_MS = const(200)
_PAUSE_MAX_MS = const(32)  # between two looks at the receiver: 370 bytes at 115,200 baud
_QUIET_MS = const(100)
_STEP_MS = const(500)  # between two tries to wake a modem up; the first command after sleep may be lost
_SYNC_MS = const(1500)
_SYNC_PAYLOAD_MS = const(7000)  # a modem gives up waiting for a payload after 5 s
_ESC = b"\x1b"

ERRORS = ("ERROR", "+CME ERROR", "+CMS ERROR")


class At:
    """`uart`: a machine.UART without timeout whose receiver holds 512 bytes or more. `errors`: how final results that mean failure begin.
    `boot`: what the lines end with that a modem says when it starts or goes off; `naps`: how those begin with which it goes to sleep.
    `end`: of a command line.
    """

    def __init__(self, uart, errors=ERRORS, boot=(), naps=(), end="\r"):
        self._uart = uart
        self._end = end
        self._errors = errors
        self._boot = boot
        self._naps = naps
        self._line = bytearray(_LINE_MAX)
        self._fill = 0
        self._over = False  # the line is longer than there is room
        self._chunk = bytearray(64)
        self._at = self._have = 0
        self._body = bytearray(_DATA_MAX)
        self._body_fill = 0
        self._raw = 0  # counted bytes still to come
        self._feed = False  # a line feed before them
        self._counts = ""  # how the line begins that says how many bytes follow
        self._behind = 0  # what stands between number and bytes: 44 a comma, 10 the end of the line
        self._sync_ms = 0  # for finding the beginning of an answer again; 0: we are in step
        self._urcs = []
        self.data = b""  # counted bytes of the last answer
        self.restarted = False  # the modem said that it starts or goes to sleep; whoever sets it up again clears this
        self.asleep = False  # it was the latter
        self.dropped = 0  # unsolicited lines that found no room, the oldest first

    def ask(self, command, prefix=None, limit_ms=5000, want=None, ok="OK", payload=None, prompt=">", settle_ms=0, accept=None, count=""):
        """Sends "AT" and `command`; returns its information lines: those that begin with `prefix` and, where a URC looks alike, that
        `accept(line)` takes.

        `want`: how a line begins that belongs to the command and comes before or after the final result `ok`; it becomes the last of the
        lines. `payload`: bytes to send `settle_ms` after the `prompt`. `count`: raw bytes follow the number behind `prefix`, after a
        comma (",") or after the line ("\\n"); `data` has them then.

        ModemError: silent, refused or restarted. Lasts `limit_ms`, and up to 7 s more after a command that was not answered.
        """
        name = "AT" + command.split("=")[0]  # what follows may be a secret
        if self._sync_ms and not self.attend(self._sync_ms):
            raise ModemError(name, "silent")
        self.look()
        self._check(name)
        self.data = b""
        self._counts, self._behind = (prefix, ord(count)) if count else ("", 0)
        try:
            return self._ask(name, command, prefix, limit_ms, want, ok, payload, prompt, settle_ms, accept)
        finally:
            self._counts, self._raw = "", 0

    def _ask(self, name, command, prefix, limit_ms, want, ok, payload, prompt, settle_ms, accept):
        end = ticks_add(ticks_ms(), limit_ms)
        fed = payload is None
        lines: list = []
        wanted = final = None
        self._uart.write(("AT" + command + self._end).encode())
        while not final or (want and not wanted):
            line = self._next(end, True, "" if fed else prompt) if ticks_diff(end, ticks_ms()) > 0 else None
            if line is None:
                self._sync_ms = _SYNC_MS if payload is None else _SYNC_PAYLOAD_MS
                raise ModemError(name, "silent")
            if not fed and line == prompt:
                sleep_ms(settle_ms)
                self._uart.write(payload)
                fed = True
            elif line == ok:
                final = line
            elif self._failed(line):
                raise ModemError(name, "refused", line)
            elif want and not wanted and line.startswith(want):
                wanted = line
            elif prefix is not None and line.startswith(prefix) and (accept is None or accept(line)) and not line.endswith(self._boot):
                if len(lines) < _LINES:
                    lines.append(line)
            elif line[:2] != "AT" or line[2:] != command:  # else the echo
                self._unsolicited(line)
                self._check(name)
        if wanted:
            lines.append(wanted)
        return lines

    def attend(self, limit_ms):
        """Says AT until the modem answers OK and nothing more comes; False when it does not within `limit_ms`."""
        end = ticks_add(ticks_ms(), limit_ms)
        if self._sync_ms == _SYNC_PAYLOAD_MS:
            self._uart.write(_ESC)
        while ticks_diff(end, ticks_ms()) > 0:
            self._uart.write(("AT" + self._end).encode())
            step = ticks_add(ticks_ms(), min(_STEP_MS, max(ticks_diff(end, ticks_ms()), 1)))
            line = self._next(step, True)
            while line is not None:
                if line == "OK":
                    self._settle()
                    return True
                if not self._failed(line) and line != "AT":
                    self._unsolicited(line)
                line = self._next(step, True)
        return False

    def _settle(self):
        """Whatever is still under way belongs to older commands."""
        for _ in range(_LOOK_LINES):
            line = self._next(ticks_add(ticks_ms(), _QUIET_MS), True)
            if line is None:
                break
            if line != "OK" and not self._failed(line):
                self._unsolicited(line)
        self._fill = self._sync_ms = 0
        self._over = False

    def look(self):
        """Takes what has come, without waiting; finals that nobody waits for are dropped."""
        end = ticks_add(ticks_ms(), _LOOK_MS)
        for _ in range(_LOOK_LINES):
            line = self._next(end, False)
            if line is None:
                break
            if line != "OK" and not self._failed(line):
                self._unsolicited(line)

    def take(self, prefix):
        """The oldest unsolicited line that begins with `prefix` (a string, or several), or None."""
        for i, line in enumerate(self._urcs):
            if line.startswith(prefix):
                return self._urcs.pop(i)
        return None

    def wait(self, prefix, limit_ms):
        """The same, but waits for it. ModemError when the modem starts anew meanwhile."""
        end = ticks_add(ticks_ms(), limit_ms)
        self.look()
        while True:
            self._check("waiting")
            line = self.take(prefix)
            if line is not None:
                return line
            line = self._next(end, True) if ticks_diff(end, ticks_ms()) > 0 else None
            if line is None:
                return None
            self._unsolicited(line)

    def forget(self):
        """The modem is off, or begins anew: nothing that came before matters."""
        self._settle()
        self._urcs.clear()
        self.restarted = self.asleep = False

    def _check(self, name):
        if self.restarted:
            raise ModemError(name, "restarted", "it went to sleep" if self.asleep else "")

    def _failed(self, line):
        return line.startswith(self._errors)

    def _unsolicited(self, line):
        if line.endswith(self._boot):
            # What a reset cut short may stand before it.
            self.restarted = True
            self.asleep = False
            return
        if line.startswith(self._naps):
            self.restarted = self.asleep = True
            return
        if len(self._urcs) >= _URCS:
            self._urcs.pop(0)
            self.dropped += 1
        self._urcs.append(line)

    # -- bytes into lines -----------------------------------------------------------------------------------

    def _next(self, end, wait, prompt=""):
        """The next line without its end, or the prompt; None at the tick `end`, or, unless `wait`, when the receiver is empty."""
        chunk, line = self._chunk, self._line
        while True:
            while self._at < self._have:
                if self._raw:
                    if self._take_raw():
                        return self._text()
                    continue
                byte = chunk[self._at]
                self._at += 1
                if 32 <= byte < 127:
                    if self._fill < _LINE_MAX:
                        line[self._fill] = byte
                        self._fill += 1
                    else:
                        self._over = True
                    if byte == self._behind == 44:
                        self._begin_raw()
                elif self._fill:
                    # Any control character ends a line: a reset leaves noise where the end should be.
                    if self._behind == 10 and self._begin_raw():
                        self._feed = byte == 13
                        continue
                    text = self._text()
                    if text:
                        return text
            if prompt and 0 < self._fill < 4 and str(self._line[: self._fill], "ascii").strip() == prompt:
                return self._text()
            if not self._fetch(end, wait):
                return None

    def _text(self):
        """The line, and begins another; "" for one that is too long or blank."""
        fill, over = self._fill, self._over
        self._fill = 0
        self._over = False
        return "" if over else str(self._line[:fill], "ascii").strip()

    def _begin_raw(self):
        """True when the line says how many raw bytes follow, and some do."""
        number = str(self._line[: self._fill], "ascii").strip().rstrip(",")
        if not self._counts or not number.startswith(self._counts):
            return False
        number = number[len(self._counts) :].strip()
        if not number.isdigit() or len(number) > 4 or not 0 < int(number) <= _DATA_MAX:
            return False
        self._raw = int(number)
        self._feed = False
        self._body_fill = 0
        return True

    def _take_raw(self):
        """Takes counted bytes from the chunk; True when all are there."""
        if self._feed:
            self._feed = False
            if self._chunk[self._at] == 10:
                self._at += 1
                return False
        n = min(self._raw, self._have - self._at)
        self._body[self._body_fill : self._body_fill + n] = self._chunk[self._at : self._at + n]
        self._at += n
        self._body_fill += n
        self._raw -= n
        if self._raw:
            return False
        self.data = bytes(self._body[: self._body_fill])
        return True

    def _fetch(self, end, wait):
        """Fills the chunk; False when the time is over, even for a modem that never stops talking."""
        pause = 2
        while True:
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                return False
            count = self._uart.any()
            if count:
                self._have = self._uart.readinto(self._chunk, min(count, 64)) or 0
                self._at = 0
                if self._have:
                    return True
            if not wait:
                return False
            sleep_ms(min(pause, left))
            pause = min(pause * 2, _PAUSE_MAX_MS)
