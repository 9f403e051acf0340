"""One line of text on the console for everything worth knowing afterwards.

`kerb <kind> <words>`: kinds are put, sent, kept, receipt, clock, fault, note, drop. Never a secret.
"""


def event(kind, *words):
    print("kerb", kind, *words)
