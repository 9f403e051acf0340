"""What a device and its MQTT broker have agreed on: a session the broker keeps, commands on their way, signs of life.

Frames go to `<prefix>/<device id>/up`, commands come on `<prefix>/<device id>/down`, both with QoS 1; with `presence` set,
`<prefix>/<device id>/status` holds "online" or "offline", retained: the broker itself says the second when it loses the device.
A command is acknowledged when it is taken, so one that was not taken before sleep comes again. Commands come at least once.
"""

import errno
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb import log
from kerb.errors import ConfigError, UplinkError
from kerb.uplink import mqtt_packets as packets
from kerb.uplink.mqtt_link import Link

MTU = const(512)
_OVERHEAD = const(160)  # fixed header, topic and packet id; or the fields of CONNECT
_COMMANDS = const(8)  # kept in RAM until taken
_LOOK_MAX = const(20)  # packets taken in one look, however many a server sends


def _bytes(identity, name):
    text = identity.get(name)
    return text.encode() if text else None


class Session:
    """`config` and `identity` as in kerb.uplink.mqtt. Where nothing else is said, OSError means that the connection is lost."""

    def __init__(self, config, identity, answer_ms, wrap):
        self._device = _bytes(identity, "device_id")
        if not self._device:
            raise ConfigError("identity has no device_id: provision the device")
        base = config.get("prefix", "kerb").encode() + b"/" + self._device
        self._up = base + b"/up"
        self._down = base + b"/down"
        self._status = base + b"/status" if config.get("presence") else None
        self._clean = config.get("session") == "clean"
        self._identity = identity
        self._broker = config["broker"]
        self._port = config["port"]
        self._keepalive_s = config.get("keepalive_s", 900)
        self._answer_ms = answer_ms
        self._link = Link(MTU + _OVERHEAD, answer_ms, wrap)
        self._tx = bytearray(MTU + _OVERHEAD)
        self._commands = []  # (packet id, payload)
        self._overflow = False  # the broker holds commands that found no room here
        self._pinged_at = None
        self.packet_id = 0  # last one used
        self.subscribed = False

    @property
    def is_open(self):
        return self._link.is_open

    def open(self):
        """Connects and greets. UplinkError when the broker refuses for good or does not speak MQTT."""
        self._link.open(self._broker, self._port)
        user, password = _bytes(self._identity, "mqtt_user"), _bytes(self._identity, "mqtt_password")
        will = (self._status, b"offline") if self._status else None
        self._write(packets.connect(self._tx, self._device, user, password, self._keepalive_s, self._clean, will))
        answer = self._await(packets.CONNACK, 0)
        if answer.code == packets.BUSY:
            raise OSError(errno.ECONNREFUSED)
        if answer.code:
            raise UplinkError("broker %s %s" % (self._broker, packets.REFUSALS.get(answer.code, "refuses without a reason MQTT 3.1.1 has")))
        if self._status:
            # At each connection: the broker may have given us up meanwhile.
            self._write(packets.announce(self._tx, self._status, b"online"))
        if not answer.present or not self.subscribed:
            # SUBACK is not waited for: it costs a round trip, and a broker may hold it back until its stored commands are acknowledged.
            self._write(packets.subscribe(self._tx, self._down, self.next_id()))

    def close(self):
        """Forgets the connection; what was not acknowledged the broker sends again."""
        self._link.close()
        self._commands = [c for c in self._commands if not c[0]]
        self._overflow = False
        self._pinged_at = None

    def leave(self):
        """Says goodbye first."""
        try:
            if self._link.is_open:
                if self._status:
                    # A goodbye cancels the will.
                    self._write(packets.announce(self._tx, self._status, b"offline"))
                self._link.write(packets.DISCONNECT, 2)
        except OSError:
            pass  # the broker finds out by itself
        self.close()

    def next_id(self):
        self.packet_id = self.packet_id % 65535 + 1
        return self.packet_id

    def publish(self, frame, packet_id, dup):
        """Returns once the broker has acknowledged the frame."""
        self._write(packets.publish(self._tx, self._up, frame, packet_id, dup))
        self._await(packets.PUBACK, packet_id)

    def look(self, wait_ms=0):
        """Takes what has come, and shows the broker that we live; where nothing has, waits so long for a command."""
        for _ in range(_LOOK_MAX):
            # A command that finds no room stays in the buffers of TCP.
            packet = self._link.read(0 if self._commands else wait_ms) if len(self._commands) < _COMMANDS else None
            if packet is None:
                break
            self._sort(packet)
        now = ticks_ms()
        if self._pinged_at is not None:
            if ticks_diff(now, self._pinged_at) > self._answer_ms:
                raise OSError(errno.ETIMEDOUT)
        elif ticks_diff(now, self._link.sent_at) > self._keepalive_s * 500:
            self._link.write(packets.PINGREQ, 2)
            self._pinged_at = now

    def take(self):
        """The oldest command as (topic, bytes), acknowledged to the broker; None when there is none."""
        if not self._commands:
            if self._overflow:
                self._part()  # the broker sends the rest again when we come back
            return None
        packet_id, payload = self._commands.pop(0)
        if packet_id:
            # If this fails the command is not handed out: the broker counts it as not delivered and sends it again.
            self._write(packets.puback(self._tx, packet_id))
        return self._down.decode(), payload

    def _part(self):
        """Says goodbye and waits for the broker to hang up: it has read our acknowledgements then, and repeats none of those commands."""
        end = ticks_add(ticks_ms(), self._answer_ms)
        try:
            self._link.write(packets.DISCONNECT, 2)
            for _ in range(_LOOK_MAX):
                self._link.read(max(ticks_diff(end, ticks_ms()), 0))
        except (OSError, UplinkError):
            pass  # hung up
        self.close()

    def _write(self, size):
        self._link.write(self._tx, size)

    def _await(self, kind, packet_id):
        """The answer of this kind and id; whatever else comes meanwhile is dealt with. OSError also when it does not come in time."""
        end = ticks_add(ticks_ms(), self._answer_ms)
        while True:
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                raise OSError(errno.ETIMEDOUT)
            packet = self._link.read(left)
            if packet and packet.kind == kind and packet.packet_id == packet_id:
                return packet
            if packet:
                self._sort(packet)

    def _sort(self, packet):
        """A packet that nobody waits for."""
        if packet.kind == packets.PUBLISH:
            self._sort_command(packet)
        elif packet.kind == packets.PINGRESP:
            self._pinged_at = None
        elif packet.kind == packets.SUBACK:
            self.subscribed = packet.code <= 1
            if not self.subscribed:
                log.event("note", "broker %s refuses the subscription to commands: check the rights of this device" % self._broker)
        elif packet.kind != packets.PUBACK:
            raise UplinkError("broker %s sent an answer that nobody asked for (kind %d): check the broker" % (self._broker, packet.kind))

    def _sort_command(self, packet):
        if packet.payload is None or packet.topic != self._down:
            # Too long or not ours: unless it is acknowledged, it comes back at every connection.
            if packet.packet_id:
                self._write(packets.puback(self._tx, packet.packet_id))
        elif not self._overflow and len(self._commands) < _COMMANDS:
            self._commands.append((packet.packet_id, packet.payload))
        else:
            self._overflow = True  # and nothing after it, or commands would change places
