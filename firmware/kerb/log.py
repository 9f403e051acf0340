"""One line of text on the console for everything worth knowing afterwards.

`kerb <kind> <words>`: kinds are put, sent, kept, receipt, clock, fault, join, note, drop. Never a secret.
"""


_told: set = set()
_MEANING = {5: "refuses to be written", 28: "has no room", 36: "has no room"}  # 36: littlefs found no room for a name


def trouble(what, error):
    """A fault of the board itself, told once in a life: it would come at every turn."""
    if what not in _told:
        _told.add(what)
        event("fault", what, _MEANING.get(error.errno, error))


def event(kind, *words):
    print("kerb", kind, *words)
