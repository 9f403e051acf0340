"""Frames over the MQTT client inside a modem, at QoS 1: the receipt is the modem's word that the broker has acknowledged.

Topics are `<path>/<device id>/up` and `<path>/<device id>/down`, as over Wi-Fi. The session is kept by the broker; the connection ends
with each sleep, because a modem in PSM forgets it. The client's own repeats reach the broker with DUP; a repeat over a new connection
cannot be told from a new message and carries the frame that says so.
"""

from binascii import unhexlify

from micropython import const

from kerb.errors import ConfigError, ModemError

_MTU = const(512)
_KEEP_ALIVE_S = const(120)


def _quoted(identity, name):
    text = identity.get(name) or ""
    if [c for c in text if c == '"' or not " " <= c <= "~"]:
        raise ConfigError("identity key %s has a character no AT command can carry: give the device another" % name)
    return text


class Carrier:
    """`number`: the last message id."""

    address = ""  # the modem's client asks for it each time

    def __init__(self, modem, config, identity):
        self._modem = modem
        self._d = d = modem.dialect["mqtt"]
        base = config["path"] + "/" + identity.get("device_id")
        user = _quoted(identity, "mqtt_user")
        password = _quoted(identity, "mqtt_password")
        self._up = base + "/up"
        self._down = base + "/down"
        self._user = user
        login = ',"%s","%s"' % (user, password) if user else ""
        self._words = {
            "device": identity.get("device_id"), "up": self._up, "down": self._down, "keep": _KEEP_ALIVE_S, "user": user,
            "password": password, "login": login,
        }  # fmt: skip
        self.number = 0
        self.mtu = min(_MTU, d["largest"])
        self.is_open = False

    def open(self):
        """Connects, and subscribes to the commands for this device."""
        modem, d = self._modem, self._d
        modem.words.update(self._words)
        for step in d["close"]:
            modem.run(step)  # what an earlier life left open
        modem.run_all(d["open"])
        if self._user:
            modem.run_all(d["login"])
        modem.run_all(d["connect"])
        self.is_open = True

    def close(self):
        if self.is_open:
            self.is_open = False
            self._modem.run_all(self._d["close"])

    def drop(self):
        """The modem or its connection is gone."""
        self.is_open = False

    def deliver(self, frame, brief=False):
        """True when the broker has acknowledged the frame, False when the modem does not say so. ModemError when the modem fails.
        `brief` changes nothing: the client inside the modem has its own patience.
        """
        d, at = self._d, self._modem.at
        at.look()
        if at.take(d["lost"]):
            return False
        self.number = self.number % 0xFFFF + 1
        command, raw, want, good, limit_s = d["publish"]
        text = command.format(n=len(frame), n2=2 * len(frame), id=self.number, hex="" if raw else frame.hex(), **self._words)
        want = want and want.format(id=self.number)
        lines = at.ask(text, limit_ms=limit_s * 1000, want=want, payload=frame if raw else None)
        return not good or lines[-1][len(want) :].startswith(good)

    def take(self):
        """The oldest command as (topic, bytes), or None. Never waits for one."""
        at = self._modem.at
        if not at or not self.is_open:
            return None
        prefix, in_hex, read = self._d["incoming"]
        try:
            at.look()
            line = at.take(prefix)
            if line and read:
                lines = at.ask(read[0], read[1])
                line = lines[-1] if lines else None
        except ModemError:
            self.is_open = False
            return None
        if not line:
            return None
        text = line[line.rfind(",") + 1 :].strip('"')
        try:
            return self._down, unhexlify(text) if in_hex else text.encode()
        except ValueError:
            return None
