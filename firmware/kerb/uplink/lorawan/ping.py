"""Where a class B device listens between two beacons (LoRaWAN 1.0.4 section 13.1)."""

from kerb.uplink.lorawan.crypto import block


def ping_offset(beacon_time, dev_addr, ping_period):
    """Offset of the first ping slot after the beacon, in slots of 30 ms; `beacon_time` in GPS seconds, `ping_period` in slots."""
    draw = block(bytes(16), beacon_time.to_bytes(4, "little") + dev_addr.to_bytes(4, "little") + bytes(8))
    return (draw[0] + draw[1] * 256) % ping_period
