"""How good a reading is (2 bits in every message); a larger number is worse."""

from micropython import const

GOOD = const(0)
SUSPECT = const(1)  # in range, but a plausibility check failed or a neighbour value is missing
WARMING = const(2)  # the part has not finished warming up or learning
FAULT = const(3)  # the part did not answer or its check failed


def worst(a, b):
    return a if a > b else b
