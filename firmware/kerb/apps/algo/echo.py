"""Which of the echoes of a burst come from the surface."""


def cluster(echoes, nearest, farthest, width):
    """(mm, count): mean and size of the largest group of echoes that lie within `width` mm of each other.

    Echoes that are None or outside nearest..farthest do not count. Of groups of equal size the farther one wins: what stands in
    the beam before the surface (rim, hinge, a hanging bag) sends echoes that are too near, hardly anything sends one from
    beyond. (None, 0) if there is no echo at all.
    """
    good = sorted([mm for mm in echoes if mm is not None and nearest <= mm <= farthest])
    best, mean = 0, None
    first = 0
    for last in range(len(good)):
        while good[last] - good[first] > width:
            first += 1
        count = last - first + 1
        if count >= best:
            best, mean = count, sum(good[first : last + 1]) / count
    return mean, best
