"""From counts to engineering values without losing digits: the boards' floats have 24 bits, registers have up to 32."""


def scaled(raw, scale, offset=0):
    """raw * scale + offset. A scale of one over a whole number divides, and stays an integer where that is exact."""
    if raw is None:
        return None
    if 0 < scale < 1:
        by = int(1 / scale + 0.5)
        if abs(by * scale - 1) < 1e-5:  # 0.1 is not 1/10 in binary; no one means a scale that is nearly one
            if isinstance(raw, int) and raw % by == 0:
                return raw // by + offset
            return raw / by + offset
    return raw * scale + offset


def valued(row, raw):
    """The value of a row of a part's table, {scale, offset, min, max}; None when it is not within min .. max."""
    value = scaled(raw, row.get("scale", 1), row.get("offset", 0))
    low, high = row.get("min"), row.get("max")
    if value is None or (low is not None and value < low) or (high is not None and value > high):
        return None
    return value
