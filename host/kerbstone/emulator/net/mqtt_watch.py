"""Follows an MQTT 3.1.1 stream just far enough to know whether an answer is due and whether a packet is whole.

The virtual clock stands still while a real broker works. This tells how long to stand: until the
answers that the standard demands have come (OASIS MQTT 3.1.1, chapter 3), and no longer.
"""

from __future__ import annotations

_CONNECT, _PUBLISH, _PUBREL, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ = 1, 3, 6, 8, 10, 12
_ANSWERS = {2, 4, 5, 7, 9, 11, 13}  # CONNACK PUBACK PUBREC PUBCOMP SUBACK UNSUBACK PINGRESP


def packet_length(data: bytes | bytearray, at: int) -> int | None:
    """Bytes of the packet that starts at `at`, or None while its header is incomplete."""
    value = shift = 0
    for i in range(1, 5):
        if at + i >= len(data):
            return None
        value |= (data[at + i] & 0x7F) << shift
        if data[at + i] < 0x80:
            return 1 + i + value
        shift += 7
    return 5


class MqttWatch:
    """Counts requests that demand an answer and answers that came."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._in = bytearray()
        self.due = 0

    def sent(self, data: bytes) -> None:
        self._out += data
        for head in self._packets(self._out):
            kind = head >> 4
            if kind in (_CONNECT, _PUBREL, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ) or (kind == _PUBLISH and head & 0x06):
                self.due += 1

    def received(self, data: bytes) -> None:
        self._in += data
        for head in self._packets(self._in):
            if head >> 4 in _ANSWERS and self.due:
                self.due -= 1

    @property
    def expecting(self) -> bool:
        return self.due > 0 or bool(self._in)

    @staticmethod
    def _packets(buffer: bytearray) -> list[int]:
        heads = []
        while buffer:
            length = packet_length(buffer, 0)
            if length is None or length > len(buffer):
                break
            heads.append(buffer[0])
            del buffer[:length]
        return heads
