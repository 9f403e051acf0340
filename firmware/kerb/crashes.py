"""The last crashes of the firmware, on flash: what was raised and the innermost lines, small enough for one message each.

Blob: run (crashes close to each other), crashes in all, 1 once the last was told, mono of the last (4 bytes), then up to four records
of 18 bytes, the message of the profile `crash`. A file is told by its name's CRC-32; the host knows the names, and prints the source.
"""

import io
import sys
from binascii import crc32

from kerb import log
from kerb.store import Store
from kerb.tell import CRASH, CRASH_BITS, frame

NAME = "crash"
ERRORS = (
    "", "OSError", "MemoryError", "ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "ZeroDivisionError",
    "OverflowError", "RuntimeError", "AssertionError", "ImportError", "NameError", "ConfigError", "SensorError", "UplinkError",
    "RadioError", "SyntaxError", "UnicodeError", "NotImplementedError", "StopIteration",
)  # fmt: skip
SAFE_AFTER = 4  # crashes in a run
_RUN_S = 21600  # a crash after so many quiet seconds begins a new run; safe mode lasts as long
_HEAD = 7
_RECORD = 18
_KEPT = 4
_FRAMES = 4


def frames_of(text):
    """[(file, line)] of a traceback's text, innermost first."""
    found = []
    for line in text.split("\n"):
        words = line.strip().split('"')
        if len(words) == 3 and words[0] == "File " and words[2].startswith(", line "):
            number = words[2][7:].split(",")[0]
            if number.isdigit():
                found.append((words[1], int(number)))
    found.reverse()
    return found[:_FRAMES]


def file_code(name):
    """How a file is told: 16 bits."""
    return (crc32(name.encode()) & 0xFFFFFFFF) % 65535


def _load(store):
    raw = store.get(NAME)
    return raw if raw and len(raw) >= _HEAD and not (len(raw) - _HEAD) % _RECORD else bytes(_HEAD)


def keep(error, mono, store=None):
    """Writes a crash down. The number of crashes in a row."""
    store = store or Store()
    raw = _load(store)
    last = int.from_bytes(raw[3:_HEAD], "big")
    run = raw[0] + 1 if not raw[1] or mono < last or mono - last < _RUN_S else 1
    run, count = min(run, 255), min(raw[1] + 1, 254)
    text = io.StringIO()
    sys.print_exception(error, text)
    name = type(error).__name__
    values: list = [ERRORS.index(name) if name in ERRORS else 0, count]
    frames = frames_of(text.getvalue())
    for i in range(_FRAMES):
        values += [file_code(frames[i][0]), frames[i][1]] if i < len(frames) else [None, None]
    records = raw[_HEAD:] + frame(CRASH, CRASH_BITS, values)
    try:
        store.put(NAME, bytes((run, count, 0)) + mono.to_bytes(4, "big") + records[-_KEPT * _RECORD :])
    except OSError as trouble:
        log.trouble("flash", trouble)
    return run


def total(store):
    return _load(store)[1]


def forgive(store, run=0):
    """The next start is an ordinary one; with `run`, one crash more may be one too many."""
    raw = _load(store)
    store.put(NAME, bytes((run,)) + raw[1:])


def wants_safe(store, mono, powered):
    """Whether the node should start without parts and application. `powered`: somebody switched it on, and wants to see it run."""
    raw = _load(store)
    if raw[0] < SAFE_AFTER:
        return False
    last = int.from_bytes(raw[3:_HEAD], "big")
    if powered or mono - last >= _RUN_S:
        forgive(store, SAFE_AFTER - 1)
        return False
    return True


def try_anew(store):
    """Another application is about to start: safe mode would hide whether it works. One crash more, and it is safe mode again."""
    if _load(store)[0] >= SAFE_AFTER:
        forgive(store, SAFE_AFTER - 1)


def fresh(store):
    """True once for each crash: it has not been told yet."""
    raw = _load(store)
    if raw[2] or not raw[1]:
        return False
    store.put(NAME, raw[:2] + b"\1" + raw[3:])
    return True


def tell(node, latest=False):
    """Sends what is kept, or only the latest. The number of records."""
    records = _load(node.store)[_HEAD:]
    if latest:
        records = records[-_RECORD:]
    for at in range(0, len(records), _RECORD):
        node.delivery.store(records[at : at + _RECORD], 1)
    return len(records) // _RECORD
