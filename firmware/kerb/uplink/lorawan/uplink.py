"""LoRaWAN as an uplink: the face of docs/contracts.md over the class A procedure."""

from binascii import crc32

from micropython import const

from kerb.errors import RadioError, UplinkError
from kerb.uplink.receipt import Receipt

from .mac import Exchange, Mac
from .region import region_of
from .session import Session, Vault

# 1980-01-06 in seconds since 1970; less what GPS is ahead of UTC since 2017-01-01 (IERS Bulletin C), none announced as of 2026-07
_GPS_EPOCH = const(315964800 - 18)
_LINK_CHECK = const(0x02)  # CIDs of requests
_DEVICE_TIME = const(0x0D)
_KEYS = (("dev_eui", 8), ("join_eui", 8), ("app_key", 16))


class Uplink:
    """Class A device, activated over the air, or by personalisation where the identity has a dev_addr.

    `config`: `region` (the table), `radio` (the board's radio table), `port` (default 2), `adr` (True), `dr` (to begin with),
    `rx_error_ms` (10), `join_attempts` per connect() (3). `identity.get()` knows dev_eui, join_eui, app_key, or dev_addr, nwk_s_key,
    app_s_key.
    `board`: `idle_ms(ms)`, `mono()`, and `battery()` (0 external, 1..254, 255 unknown). `store`: atomic `put` and `get`.
    `radio` is for a driver made elsewhere; otherwise it is built when first needed.
    """

    def __init__(self, config, identity, board, store, radio=None):
        keys = _KEYS
        if identity.get("dev_addr"):
            from . import personal

            keys = personal.KEYS
        ids = [identity.key(name, size) for name, size in keys]
        region = region_of(config["region"])
        owner = crc32(ids[0] + ids[1])
        vault = Vault(store, owner)
        session = Session(region, owner)
        if not vault.load(session):
            lost = session.joined
            session = Session(region, owner)
            if keys is not _KEYS:
                personal.activate(session, lost, vault, ids, config.get("dr", min(region.join_dr)))
        session.clock = session.join_start = board.mono()
        self._config = config
        self._board = board
        self._exchange = exchange = Exchange(region, board, config)
        exchange.radio = radio
        self._ids = ids
        self._mac = Mac(region, session, vault, exchange, config.get("adr", True))
        self._resumed = False
        self.port = config.get("port", 2)

    @property
    def mtu(self):
        """Bytes one frame may carry now; 0 while there is no session."""
        return self._mac.mtu() if self._mac.session.joined else 0

    @property
    def link(self):
        """(margin dB, gateways) of the last answered ask_link(), or None."""
        return self._mac.link.check

    def _radio(self):
        """The driver, built on first use."""
        exchange = self._exchange
        if exchange.radio is None:
            table = self._config["radio"]
            chip = "kerb.radio." + table["chip"]
            exchange.radio = __import__(chip, None, None, ("from_board",)).from_board(table)
        exchange.radio.idle_ms = self._board.idle_ms
        self._mac.link.battery = self._board.battery()
        return exchange.radio

    def _guarded(self, action, *arguments):
        """Runs `action` with the radio ready. A radio that fails is reset before its next use; the frame stays with the caller."""
        try:
            self._radio()
            return action(*arguments)
        except RadioError as error:
            if "radio" in self._config:
                self._exchange.radio = None
            raise UplinkError(str(error))

    def _join(self):
        """Imported by who joins: most wakes have a session."""
        from .join import Join

        return Join(self._mac, self._ids, self._config.get("join_attempts", 3))

    def connect(self):
        """True when there is a session, joining first if need be; False when no network answered or the join back-off forbids it."""
        session = self._mac.session
        if not session.joined:
            if not self._guarded(self._join().run):
                return False
            session.dr = self._config.get("dr", session.dr)
        return True

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the frame left, None when it could not (see wait_ms and mtu). Takes until the last receive window.

        `again` is not needed: this bearer's own repeats carry the same frame counter, so the network drops them.
        """
        mac = self._mac
        if not mac.session.joined or len(frame) > self.mtu:
            return None
        mono = self._board.mono()
        acknowledged = self._guarded(mac.send, self.port, frame, confirmed, priority)
        return None if acknowledged is None else Receipt(acknowledged, mono)

    def retry_after_s(self):
        """Seconds until the frame last refused, or the next join request, may leave."""
        mac = self._mac
        return mac.wait_s() if mac.session.joined else self._join().next()[0]

    def receive(self):
        """The oldest downlink not yet taken as (port, bytes), or None."""
        inbox = self._mac.inbox
        return inbox.pop(0) if inbox else None

    def ask_time(self):
        self._mac.asks.add(_DEVICE_TIME)

    def ask_link(self):
        self._mac.asks.add(_LINK_CHECK)

    def take_time(self):
        """(UTC seconds, ms, ticks_ms at which it was true) once after an answer, else None."""
        mac = self._mac
        found, mac.network_time = mac.network_time, None
        if found:
            return found[0] + _GPS_EPOCH, found[1] * 1000 // 256, found[2]

    def take_rssi(self):
        """dBm of the last answer in the first window, once; None when there was none since."""
        rssi, self._exchange.rssi = self._exchange.rssi, None
        return rssi

    def sleep(self):
        """Radio to its lowest power. After power-on the chip idles in standby, so it is reached for even if never used."""
        if self._exchange.radio is not None or not self._resumed:
            try:
                self._radio().sleep()
            except RadioError:
                self._exchange.radio = None  # it cannot be reached to be put to sleep; the next send resets it or says what is wrong

    def pack(self):
        """The session for RTC memory (see session.SIZE). Erase it there as soon as it is unpacked: a reset before the next
        pack() must find nothing and continue from the lease, or counters would repeat."""
        return self._mac.session.pack()

    def unpack(self, data):
        """Resumes after deep sleep. False, and the state from flash stays, when the record is damaged, another device's, or older
        than the counters reserved on flash."""
        mac = self._mac
        stored = mac.session
        session = Session(mac.region, mac.vault.owner)
        self._resumed = session.unpack(data) and session.dev_nonce == stored.dev_nonce and session.lease == stored.lease
        if self._resumed:
            mac.session = session
        return self._resumed
