"""How well a bearer is heard, from what it knows of its last exchange; asks nothing and sends nothing."""

_LORA = (-7.5, -10.0, -12.5, -15.0, -17.5, -20.0)  # dB at which SF7 to SF12 still demodulate: SX1276 data sheet rev. 7, table 13
_WEAKEST, _STRONGEST = -155, -2  # dBm, of the channels link_dbm


def _heard(way):
    """(dBm, dB above the weakest that is understood), None for what is not known."""
    bearer = way.bearer
    uplink = bearer.opened
    if way.kind == "nbiot":
        return uplink.health.get("rsrp_dbm"), None
    if way.kind == "mqtt":
        return uplink.signal(), None
    level = bearer.take_rssi()
    if level is None:
        level = bearer.heard
    exchange = getattr(uplink, "_exchange", None)
    if level is None or not exchange or not hasattr(uplink, "_mac"):
        return level, None
    mac = uplink._mac
    factor = mac.region.rates[mac.session.dr][0]  # the first window answers at the uplink's rate
    return level, exchange.snr - _LORA[factor - 7] if 7 <= factor <= 12 else None


def of(way):
    """(code of link_dbm, code of link_margin_db, acknowledged %) since the last report; None for what is not known."""
    level, margin = _heard(way) if way.bearer.opened else (None, None)
    share = None
    if way.asked:
        share = (200 * way.acked // way.asked + 1) // 2
    way.asked = way.acked = 0
    return (
        None if level is None else min(max(int(level), _WEAKEST), _STRONGEST) - _WEAKEST,
        None if margin is None else min(max(int(margin), -10), 50) + 10,
        share,
    )
