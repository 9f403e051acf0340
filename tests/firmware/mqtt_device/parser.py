"""What the firmware's parser makes of a file of inputs, a line each; see test_mqtt_packets.verdict."""

import json
import struct
import sys

from kerb.errors import UplinkError
from kerb.uplink import mqtt_packets as packets

options = json.loads(sys.stdin.readline())
packet = packets.Packet()


def read(data):
    have = 0
    for n in range(2, min(len(data), packets.HEAD_MAX) + 1):
        have = packets.head_size(data, n)
        if have:
            break
    if not have:
        return "more"
    size = packets.remaining(data)
    packets.check(data[0], size)
    if have + size > len(data):
        return "more"
    packet.read(data[0], memoryview(data)[have : have + min(size, options["room"])], size)
    text = [packet.kind, packet.packet_id, packet.code, int(packet.present)]
    for field in (packet.topic, packet.payload):
        text.append("-" if field is None else field.hex())
    return " ".join([str(t) for t in text])


with open(options["inputs"], "rb") as f:
    while True:
        head = f.read(2)
        if not head:
            break
        try:
            print(read(f.read(struct.unpack("<H", head)[0])))
        except UplinkError:
            print("refused")
