"""Encodes a message exactly; refuses what does not fit. The firmware's encoder is tested against this one."""

from collections.abc import Mapping

from kerbstone.codec.channel import Given
from kerbstone.codec.layout import SEQUENCES, STATUS_BITS, Quality, Trust, write_head
from kerbstone.codec.model import Profile
from kerbstone.errors import CodecError


def encode(
    profile: Profile,
    record: str,
    values: Mapping[str, Given],
    quality: Quality = Quality.GOOD,
    trust: Trust = Trust.LIVE,
    stamp: int | None = None,
    repeat: bool = False,
    seq: int = 0,
) -> bytes:
    """The message of a record; `stamp` is in seconds since 1970, `seq` 0..127.

    Values outside the record are passed over, numbers not given are missing. Raises CodecError for an unknown record or
    channel, a value out of range, or a stamp that does not go with the trust.
    """
    if record not in profile.cuts:
        raise CodecError(f"{profile.name} has no record {record!r}: take one of {', '.join(profile.cuts)}")
    known = {channel.name for channel in profile.channels}
    for name in values:
        if name not in known:
            raise CodecError(f"{profile.name} has no channel {name!r}: its channels are {', '.join(c.name for c in profile.channels)}")
    count = profile.cuts[record]
    bits = quality << 2 | trust
    width = STATUS_BITS
    for channel in profile.channels[:count]:
        bits = bits << channel.bits | channel.encode(values.get(channel.name))
        width += channel.bits
    pad = profile.padding(count)
    body = (bits << pad).to_bytes((width + pad) // 8, "big")
    return write_head(profile.number, profile.version, profile.revision) + body + _stamp(trust, stamp, repeat, seq)


def _stamp(trust: Trust, stamp: int | None, repeat: bool, seq: int) -> bytes:
    if not trust.stamped:
        if stamp is not None or repeat:
            raise CodecError(f"a record of trust {trust.name.lower()} carries neither stamp nor repeat: use stamped or unsure")
        return b""
    if stamp is None or not 0 <= stamp < 1 << 32:
        raise CodecError(f"a record of trust {trust.name.lower()} needs a stamp: give seconds since 1970, up to 4294967295")
    if not 0 <= seq < SEQUENCES:
        raise CodecError(f"sequence number {seq} does not fit: give 0 to {SEQUENCES - 1}")
    return stamp.to_bytes(4, "big") + bytes([repeat << 7 | seq])
