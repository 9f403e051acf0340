"""Cases of magnetometers: registers in, uT out, by the firmware's own arithmetic."""

from kerb.drivers import bmm150, lis2mdl, lis3mdl, mmc5603, mmc5983ma, qmc5883l, qmc5883p, rm3100

_TRIM = ("x1", "y1", "x2", "y2", "z1", "z2", "z3", "z4", "xy1", "xy2", "xyz1")


def _vector(function, data, *more):
    out = [0.0, 0.0, 0.0]
    function(bytes.fromhex(data), *more, out)
    return out


def _compensated(inputs):
    out = [0.0, 0.0, 0.0]
    bmm150.compensate([inputs["trim"][key] for key in _TRIM], *inputs["raw"], inputs["rhall"], out)
    return out


KINDS = {
    "lis2mdl": lambda i: _vector(lis2mdl.convert, i["bytes_68_6D"]),
    "lis3mdl": lambda i: _vector(lis3mdl.convert, i["bytes_28_2D"], i["fs"]),
    "mmc5603": lambda i: _vector(mmc5603.convert, i["bytes_00_08"]),
    "mmc5983ma": lambda i: _vector(mmc5983ma.convert, i["bytes_00_06"]),
    "qmc5883l": lambda i: _vector(qmc5883l.convert, i["bytes_00_05"], i["fs"]),
    "qmc5883p": lambda i: _vector(qmc5883p.convert, i["bytes_01_06"], i["fs"]),
    "rm3100": lambda i: _vector(rm3100.convert, i["bytes_24_2C"], i["cycle_count"]),
    "rm3100_tmrc": lambda i: rm3100.tmrc_hz(i["code"]),
    "bmm150": _compensated,
}
