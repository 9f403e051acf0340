"""Arithmetic as a board with 32-bit floats does it, for an interpreter whose floats have 64 bits; transform.py calls it.

A 64-bit result of + - * / sqrt on 32-bit operands, rounded once, is the 32-bit result: 53 bits are more than 2 * 24 + 2
(Figueroa 1995). Other functions are rounded after a 64-bit evaluation: right to half a unit in the last place, where a board's
own library is allowed one.
"""

import math as _math
import struct as _struct
from array import array

_cell = array("f", [0.0])
_float, _round, _sum, _pow, _divmod = float, round, sum, pow, divmod


def rounded(x):
    """A float with 24 bits of mantissa; anything else as it is, lists and dicts with their members rounded."""
    if type(x) is _float:
        _cell[0] = x
        return _cell[0]
    if isinstance(x, (list, tuple)):
        return type(x)([rounded(y) for y in x])
    if isinstance(x, dict):
        return {key: rounded(y) for key, y in x.items()}
    return x


def _r(x):
    if type(x) is _float:
        _cell[0] = x
        return _cell[0]
    return x


def _operand(x):
    """A whole number that meets a float becomes one of 32 bits first."""
    return _r(_float(x)) if isinstance(x, int) else x


def _dyadic(compute):
    def operation(a, b):
        if type(a) is _float or type(b) is _float:
            return _r(compute(_operand(a), _operand(b)))
        return compute(a, b)

    return operation


add = _dyadic(lambda a, b: a + b)
sub = _dyadic(lambda a, b: a - b)
mul = _dyadic(lambda a, b: a * b)
floordiv = _dyadic(lambda a, b: a // b)
mod = _dyadic(lambda a, b: a % b)


def div(a, b):
    """Two whole numbers become floats of 32 bits before they are divided."""
    return _r(_operand(a) / _operand(b))


def power(a, b):
    """int ** int stays whole unless the exponent is negative."""
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        return a**b
    return _r(_operand(a) ** _operand(b))


def _in_place(compute, plain):
    def operation(a, b):
        return plain(a, b) if isinstance(a, (int, _float)) else compute(a, b)

    return operation


def _iadd(a, b):
    a += b
    return a


def _isub(a, b):
    a -= b
    return a


iadd = _in_place(_iadd, add)
isub = _in_place(_isub, sub)

less = _dyadic(lambda a, b: a < b)
less_equal = _dyadic(lambda a, b: a <= b)
greater = _dyadic(lambda a, b: a > b)
greater_equal = _dyadic(lambda a, b: a >= b)
equal = _dyadic(lambda a, b: a == b)
unequal = _dyadic(lambda a, b: a != b)


def to_float(x=0.0):
    return _r(_float(x))


def to_round(x, *digits):
    return _r(_round(x, *digits))


def to_sum(items, start=0):
    for item in items:
        start = add(start, item)
    return start


def to_pow(a, b, *modulus):
    return _pow(a, b, *modulus) if modulus else power(a, b)


def to_divmod(a, b):
    return floordiv(a, b), mod(a, b)


def _function(compute):
    return lambda *arguments: rounded(compute(*[_operand(a) for a in arguments]))


class _Module:
    """A module with the floats of its functions and constants rounded."""

    def __init__(self, module, names):
        for name in names:
            thing = getattr(module, name)
            setattr(self, name, _function(thing) if callable(thing) else _r(thing))


_WHOLE = ("floor", "ceil", "trunc", "isnan", "isinf", "isfinite", "factorial")  # their arguments are exact, their results no floats
math = _Module(_math, [name for name in dir(_math) if not name.startswith("_") and name not in _WHOLE])
for _name in _WHOLE:
    if hasattr(_math, _name):
        setattr(math, _name, getattr(_math, _name))


class _Struct:
    """`struct` whose "d" arrives with 32 bits, as on a board."""

    pack = _struct.pack
    pack_into = _struct.pack_into
    calcsize = _struct.calcsize

    def unpack(self, *arguments):
        return rounded(_struct.unpack(*arguments))

    def unpack_from(self, *arguments):
        return rounded(_struct.unpack_from(*arguments))


struct = _Struct()
