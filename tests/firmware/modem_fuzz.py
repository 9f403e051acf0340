"""Run by MicroPython under a board's heap: mutated transcripts against the AT engine and every parser behind it.

Argument: how many. Prints what became of them and everything that went wrong: an exception other than ModemError, a wait past its end, a
queue or a heap that grew, a modem that answers properly afterwards and is not understood.
"""

import gc
import json
import sys

from dice import Dice
from modem_rig import Line, Time
from modem_transcripts import TRANSCRIPTS

from kerb.errors import ModemError
from kerb.modem import cells
from kerb.modem.at import At
from kerb.modem.udp import from_hex
from kerb.uplink import coap

LIMIT_MS = 120
URCS = (
    b"\r\n+CEREG: 2\r\n", b'\r\n+CEREG: 1,"5B57","195071B",9\r\n', b"\r\n+CSCON: 0\r\n", b"\r\nOK\r\n", b"\r\n> ", b"\r\n+CARECV: 600,",
    b"\x00\xff",
)  # fmt: skip
SIGNAL = {"rsrp_dbm": (5, 1, 1, 0), "sinr_db": (3, 1, 5, -20), "ecl": (11, 1, 1, 0)}


def mutated(dice, answer):
    """Bits flipped, pieces cut, moved, doubled, or strangers put between; sometimes only a URC in between."""
    kind = dice.below(6)
    if kind == 0:
        answer = answer[: dice.below(len(answer))]
    elif kind == 1:
        at, to = dice.below(len(answer)), dice.below(len(answer))
        answer = answer[:at] + answer[to : to + dice.below(40)] + answer[at:]
    elif kind == 2:
        at = dice.below(len(answer))
        answer = answer[:at] + answer[at + 1 + dice.below(12) :]
    elif kind == 3:
        answer = answer + answer[: dice.below(len(answer))]
    if kind >= 4 or dice.below(2):
        at = dice.below(len(answer) + 1)
        answer = answer[:at] + URCS[dice.below(len(URCS))] + answer[at:]
    if answer and kind < 5:
        data = bytearray(answer)
        for _ in range(dice.below(4)):
            data[dice.below(len(data))] ^= 1 << dice.below(8)
        answer = bytes(data)
    return answer


def parse(at, lines):
    """Everything the node would do with what it was told."""
    line = at.take("")
    while line is not None:
        lines.append(line)
        line = at.take("")
    for line in lines:
        cells.Registration(line)
        cells.is_read(line)
        cells.utc(line, True)
        cells.utc(line, False)
        cells.signal(line, SIGNAL)
        coap.parse(from_hex(line) or b"")
    coap.parse(at.data)


def one(dice, line, at, found):
    command, options, answer = TRANSCRIPTS[dice.below(len(TRANSCRIPTS))]
    answer = mutated(dice, answer)
    cut = dice.below(len(answer) + 1)
    line.answers = {("AT" + command + "\r").encode(): [(5, answer[:cut]), (40, answer[cut:])], b"AT\r": [(5, b"\r\nOK\r\n")]}
    began = Time.now
    lines = []
    try:
        lines = at.ask(command, limit_ms=LIMIT_MS, **options)
        found["answered"] += 1
    except ModemError as error:
        found[error.cause] += 1
    if Time.now - began > LIMIT_MS + 8000:
        found["wrong"].append(f"{command} lasted {Time.now - began} ms: {answer}")
    parse(at, lines)
    at.restarted = False
    line.written.clear()


def healthy(line, at):
    """Whether a modem that behaves again is understood."""
    line.answers = {b"AT\r": [(5, b"\r\nOK\r\n")], b"AT+CSQ\r": [(5, b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n")]}
    if not at.attend(3000):
        return False
    at.forget()
    return at.ask("+CSQ", "+CSQ:") == ["+CSQ: 17,99"]


def main():
    dice, line = Dice(7), Line()
    at = At(line, boot=("RDY", "NORMAL POWER DOWN"))
    found = {"answered": 0, "silent": 0, "refused": 0, "restarted": 0, "wrong": [], "heap": []}
    for number in range(int(sys.argv[1])):
        try:
            one(dice, line, at, found)
        except Exception as error:  # whatever it is: it must not come
            found["wrong"].append(f"{number}: {error!r}")
        if number % 50 == 0 and not healthy(line, at):
            found["wrong"].append(f"{number}: deaf afterwards")
        if number % 10000 == 0:
            gc.collect()
            found["heap"].append(gc.mem_alloc())
        if len(found["wrong"]) > 5:
            break
    print(json.dumps(found))


main()
