"""How full a container is: the share of its volume below a level.

A shape is a name and its dimensions in mm; only ratios count. The level is the height of the surface above the floor.

  prism                 straight walls, any outline                   ()
  frustum               rectangles at floor and full line             (floor width, floor depth, top width, top depth)
  cone                  circles at floor and full line                (floor radius, top radius)
  horizontal_cylinder   a drum on its side, full at the top           (radius)
  dome                  an upright cylinder under a hemisphere        (radius, height of the wall)
"""

from math import acos, sqrt

from kerb.errors import ConfigError


def _prism(dims, height, level):
    return level / height


def _frustum(dims, height, level):
    w, d, top_w, top_d = dims

    def volume(x):
        """Integral of width times depth, both linear in x = level / height."""
        return x * (w * d + x * ((top_w - w) * d + (top_d - d) * w) / 2 + x * x * (top_w - w) * (top_d - d) / 3)

    return volume(level / height) / volume(1.0)


def _cone(dims, height, level):
    return _frustum((dims[0], dims[0], dims[1], dims[1]), height, level)


def _horizontal_cylinder(dims, height, level):
    def segment(y):
        """Area of the circular segment of height y in a circle of radius 1."""
        return acos(1 - y) - (1 - y) * sqrt(max(y * (2 - y), 0.0))

    return segment(min(level / dims[0], 2.0)) / segment(min(height / dims[0], 2.0))


def _dome(dims, height, level):
    radius, wall = dims[0], dims[1]

    def volume(y):
        """In units of radius^2 pi: the cylinder, then the lower part of a ball's upper half."""
        over = min(max(y - wall, 0.0), radius) / radius
        return min(y, wall) + radius * over * (1 - over * over / 3)

    return volume(level) / volume(height)


_SHAPES = {
    "prism": (_prism, 0),
    "frustum": (_frustum, 4),
    "cone": (_cone, 2),
    "horizontal_cylinder": (_horizontal_cylinder, 1),
    "dome": (_dome, 2),
}


def check(shape, dims):
    """Raises ConfigError if there is no such shape or it takes another number of dimensions."""
    if shape not in _SHAPES:
        raise ConfigError("no container shape '%s'; take one of %s" % (shape, ", ".join(sorted(_SHAPES))))
    count = _SHAPES[shape][1]
    if len(dims) != count or (dims and min(dims) <= 0):
        raise ConfigError("container shape '%s' takes %d dimensions above 0 mm, not %s" % (shape, count, dims))


def fraction(shape, dims, height, level):
    """0..1: volume below `level` as a share of the volume below `height`, the full line (mm above the floor)."""
    return _SHAPES[shape][0](dims, height, min(max(level, 0), height))
