"""Follows an MQTT 3.1.1 stream just far enough to know whether an answer is due and whether a packet is whole.

The virtual clock stands still while a real broker works. This tells how long to stand: until the
answers that the standard demands have come (OASIS MQTT 3.1.1, chapter 3), and no longer.
"""

from __future__ import annotations

from dataclasses import dataclass

_CONNECT, _PUBLISH, _PUBACK, _PUBREL, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ = 1, 3, 4, 6, 8, 10, 12
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


@dataclass(frozen=True)
class Publish:
    """One PUBLISH the device sent."""

    topic: str
    payload: bytes
    dup: bool


def _publish(packet: bytes) -> Publish:
    head = packet[0]
    at = 1
    while packet[at] & 0x80:
        at += 1
    at += 1
    size = int.from_bytes(packet[at : at + 2], "big")
    topic = packet[at + 2 : at + 2 + size].decode("utf-8", "replace")
    at += 2 + size + (2 if head & 0x06 else 0)
    return Publish(topic, packet[at:], bool(head & 0x08))


class MqttWatch:
    """Counts requests that demand an answer and answers that came."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._in = bytearray()
        self.due = 0
        self.acked = False  # the device has taken a message since we looked: the broker may send the next of a long queue

    def sent(self, data: bytes) -> list[Publish]:
        """Takes what the device wrote; returns the PUBLISH packets that became whole."""
        self._out += data
        published = []
        for packet in self._packets(self._out):
            head = packet[0]
            kind = head >> 4
            self.acked = self.acked or kind == _PUBACK
            if kind == _PUBLISH:
                published.append(_publish(packet))
            if kind in (_CONNECT, _PUBREL, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ) or (kind == _PUBLISH and head & 0x06):
                self.due += 1
        return published

    def received(self, data: bytes) -> None:
        self._in += data
        for packet in self._packets(self._in):
            if packet[0] >> 4 in _ANSWERS and self.due:
                self.due -= 1

    @property
    def expecting(self) -> bool:
        return self.due > 0 or bool(self._in)

    @staticmethod
    def _packets(buffer: bytearray) -> list[bytes]:
        """Cuts the whole packets off the front of the buffer."""
        packets = []
        while buffer:
            length = packet_length(buffer, 0)
            if length is None or length > len(buffer):
                break
            packets.append(bytes(buffer[:length]))
            del buffer[:length]
        return packets
