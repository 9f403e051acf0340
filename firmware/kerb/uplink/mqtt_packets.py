"""MQTT 3.1.1 control packets as bytes (OASIS standard, 29 October 2014; section numbers below are its own).

Pure functions: no socket, no clock. Writers fill a buffer of the caller and return the bytes used; `Packet.read` takes one
whole packet apart. Only what a client with QoS 0 and 1 needs; anything else a server may send is an UplinkError.
"""

from struct import pack_into

from micropython import const

from kerb.errors import ConfigError, UplinkError

CONNACK = const(2)
PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)
PINGRESP = const(13)

PINGREQ = b"\xc0\x00"  # 3.12
DISCONNECT = b"\xe0\x00"  # 3.14
HEAD_MAX = const(5)  # 2.2: type byte and up to four bytes of remaining length

BUSY = const(3)  # return code of CONNACK: try again later

_DUP = const(8)
_RETAIN = const(1)
_CLEAN = const(2)  # flags of CONNECT, 3.1.2.3
_WILL = const(0x2C)  # a will, QoS 1, retained
_QOS1 = const(2)

# Length and flags (2.2.2) of the server's packets with a fixed shape: kind -> remaining length
_LENGTHS = {CONNACK: 2, PUBACK: 2, SUBACK: 3, PINGRESP: 0}

# 3.2.2.3, with what to do about it
REFUSALS = {
    1: "does not speak MQTT 3.1.1",
    2: "refuses the client id",
    4: "refuses user or password: write the identity again",
    5: "does not authorise this device: check its rights on the broker",
}


def _start(buf, first, remaining):
    """Fixed header; returns where the variable header begins. ConfigError when the packet does not fit `buf`."""
    buf[0] = first
    at = 1
    left = remaining
    while True:
        digit = left & 127
        left >>= 7
        buf[at] = digit | (128 if left else 0)
        at += 1
        if not left:
            break
    if at + remaining > len(buf):
        raise ConfigError("MQTT packet of %d bytes exceeds its buffer of %d: shorten topic or frame" % (at + remaining, len(buf)))
    return at


def _text(buf, at, data):
    """A length-prefixed field (1.5.3); returns where it ends."""
    pack_into(">H", buf, at, len(data))
    at += 2
    buf[at : at + len(data)] = data
    return at + len(data)


def connect(buf, client_id, user, password, keepalive_s, clean=False, will=None):
    """CONNECT (3.1). Fields are bytes; user and password may be None. `clean`: the broker forgets the session; `will`: (topic, message)
    that the broker publishes, retained and with QoS 1, when it loses us."""
    if password is not None and user is None:
        raise ConfigError("identity has an MQTT password but no user: provision the device again")
    fields = [f for f in (client_id,) + (will or ()) + (user, password) if f is not None]
    flags = (_CLEAN if clean else 0) | (_WILL if will else 0) | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    at = _start(buf, 0x10, 10 + sum([2 + len(f) for f in fields]))
    at = _text(buf, at, b"MQTT")
    pack_into(">BBH", buf, at, 4, flags, keepalive_s)
    at += 4
    for field in fields:
        at = _text(buf, at, field)
    return at


def publish(buf, topic, payload, packet_id, dup):
    """PUBLISH with QoS 1 (3.3); `dup` marks a frame that was sent before."""
    at = _start(buf, 0x30 | _QOS1 | (_DUP if dup else 0), 4 + len(topic) + len(payload))
    at = _text(buf, at, topic)
    pack_into(">H", buf, at, packet_id)
    at += 2
    buf[at : at + len(payload)] = payload
    return at + len(payload)


def announce(buf, topic, payload):
    """A retained PUBLISH with QoS 0: nobody answers (3.3)."""
    at = _start(buf, 0x30 | _RETAIN, 2 + len(topic) + len(payload))
    at = _text(buf, at, topic)
    buf[at : at + len(payload)] = payload
    return at + len(payload)


def puback(buf, packet_id):
    pack_into(">BBH", buf, 0, 0x40, 2, packet_id)
    return 4


def subscribe(buf, topic, packet_id):
    """SUBSCRIBE to one topic with QoS 1 (3.8)."""
    at = _start(buf, 0x82, 5 + len(topic))
    pack_into(">H", buf, at, packet_id)
    at = _text(buf, at + 2, topic)
    buf[at] = 1
    return at + 1


def head_size(head, have):
    """Bytes of the fixed header of which `have` are in `head`; 0 while more are needed. UplinkError when it is none (2.2.3)."""
    for at in range(1, have):
        if not head[at] & 128:
            return at + 1
    if have == HEAD_MAX:
        raise UplinkError("the server does not speak MQTT: its packet has no end of length; check broker and port")
    return 0


def remaining(head):
    """The remaining length of a whole fixed header."""
    value = 0
    for at in range(1, HEAD_MAX):
        value |= (head[at] & 127) << (7 * (at - 1))
        if not head[at] & 128:
            break
    return value


def check(first, size):
    """UplinkError unless a server may send a packet with this type byte and remaining length: no need to wait for its body then."""
    kind = first >> 4
    if kind == PUBLISH:
        qos = first >> 1 & 3
        bad = qos > 1 or size < (4 if qos else 2) or (first & _DUP and not qos)
    else:
        bad = first & 15 or _LENGTHS.get(kind) != size
    if bad:
        raise UplinkError("the server sent what MQTT 3.1.1 does not know (0x%02x, %d bytes): check broker and port" % (first, size))


class Packet:
    """One packet of the server, reused for the next.

    kind        CONNACK, PUBLISH, PUBACK, SUBACK or PINGRESP
    packet_id   of PUBLISH with QoS 1, PUBACK and SUBACK; else 0
    code        return code of CONNACK and SUBACK; else 0
    present     CONNACK: the server kept our session
    topic, payload   of PUBLISH, as bytes; payload None when the packet was too long for the buffer
    """

    __slots__ = ("code", "kind", "packet_id", "payload", "present", "topic")

    def read(self, first, body, size):
        """Takes apart the packet with type byte `first` and `size` bytes after its fixed header, of which `body` may hold fewer."""
        check(first, size)
        self.kind = first >> 4
        self.packet_id = self.code = 0
        self.present = False
        self.topic = self.payload = None
        if self.kind == PUBLISH:
            self._read_publish(first, body, size)
            return
        if self.kind == CONNACK:
            self.present = body[0] == 1
            self.code = body[1]
            if body[0] > 1 or (self.present and self.code):
                raise UplinkError("the server's CONNACK is malformed: check broker and port")
        elif size:
            self.packet_id = body[0] << 8 | body[1]
            if not self.packet_id:
                raise UplinkError("the server acknowledged packet 0, which does not exist: check the broker")
            if size == 3:
                self.code = body[2]

    def _read_publish(self, first, body, size):
        qos = first >> 1 & 3
        have = min(size, len(body))
        at = 2 + (body[0] << 8 | body[1])
        end = at + (2 if qos else 0)
        if end > have:
            raise UplinkError("the server sent a topic that does not fit its packet or our %d bytes: check the broker" % len(body))
        self.topic = bytes(body[2:at])
        if qos:
            self.packet_id = body[at] << 8 | body[at + 1]
            if not self.packet_id:
                raise UplinkError("the server sent packet id 0, which does not exist: check the broker")
        if size <= len(body):
            self.payload = bytes(body[end:size])
