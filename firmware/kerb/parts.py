"""The parts of the node: each on its bus, behind its driver, able to fail without taking the node along."""

import machine

from kerb import log
from kerb.errors import ConfigError, SensorError
from kerb.quality import FAULT

_BUSES: dict = {}


def _bus(config):
    """The bus object of a part, shared by parts on the same wires."""
    if not config:
        return None
    key = str(sorted(config.items()))
    if key not in _BUSES:
        _BUSES[key] = _MAKERS[config["kind"]](config)
    return _BUSES[key]


def _i2c(c):
    return machine.I2C(c["id"], scl=machine.Pin(c["scl"]), sda=machine.Pin(c["sda"]), freq=c["freq"])


def _uart(c):
    frame = {"bits": c.get("bits", 8), "parity": c.get("parity"), "stop": c.get("stop", 1)}
    return machine.UART(c["id"], c["baud"], tx=machine.Pin(c["tx"]), rx=machine.Pin(c["rx"]), timeout=c.get("timeout_ms", 0), **frame)


def _spi(c):
    return machine.SPI(c["id"], c["baud"], sck=machine.Pin(c["sck"]), mosi=machine.Pin(c["mosi"]), miso=machine.Pin(c["miso"]))


_MAKERS = {"i2c": _i2c, "uart": _uart, "spi": _spi}


class Part:
    """One entry of the node's parts. Every call either works or leaves a fault noted once."""

    def __init__(self, name, config):
        self.name = name
        self.period_s = config["period_s"]
        self._config = config
        self._driver = None
        self._failures = 0  # in a row
        self._kept = b""  # what the driver must remember, as it was before deep sleep
        self._woken = False
        self._news = None  # level of the wake pin that its driver waits for
        self.earlier = []  # what was read before the application ran (kerb/early.py)
        self.before = None  # and what had been read before the wake
        self._settings = {}  # what the application set last: a part that lost its supply gets it again

    @property
    def wake(self):
        """[pin, level] that ends deep sleep, or None; a driver may know which level is news: it stays so while nobody asks it."""
        wake = self._config.get("wake")
        if wake and hasattr(self._driver, "wake_level"):
            self._news = self._driver.wake_level()
        return [wake[0], self._news] if wake and self._news is not None else wake

    def pack(self):
        """What the driver must remember over deep sleep and loss of power; b"" for most."""
        return self._driver.pack() if hasattr(self._driver, "pack") else self._kept

    def unpack(self, data, woken):
        """Builds the driver with what it had to remember; `woken`: a pin ended deep sleep."""
        self._kept, self._woken = data, woken
        if data:
            try:
                self._driver = self.build()
            except (SensorError, OSError) as error:
                self._fault(error)

    @property
    def failing(self):
        return self._failures > 0

    @property
    def mark(self):
        """A byte for the next life: 1 it fails, 2 the level of its wake pin that would be news is known, 4 that level is high."""
        wake = self.wake
        return self.failing | (0 if self._news is None else 2 | wake[1] << 2)

    def carry_over(self, mark):
        """A fault that was told before deep sleep is not news, nor is a contact that still stands as it was seen."""
        self._failures = mark & 1
        self._news = mark >> 2 if mark & 2 else None

    @property
    def warm_up_ms(self):
        return self._driver.WARM_UP_MS if self._driver else 0

    def start(self):
        """Begins a measurement."""
        try:
            if self._driver is None:
                self._driver = self.build()
                for key, value in self._settings.items():
                    self._driver.set(key, value)
            self._driver.start()
        except (SensorError, OSError) as error:
            self._fault(error)

    def start_early(self):
        """Begins before the rest of the firmware is there; False for a driver without ready(). A fault waits until it can be told."""
        try:
            if hasattr(self._driver_class(), "ready"):
                self._driver = self.build()
                self.earlier = list(getattr(self._driver, "earlier", ()))
                self.before = getattr(self._driver, "before", None)
                self._driver.start()
        except (SensorError, OSError, ConfigError):
            self._driver = None
        return self._driver is not None

    def glance(self):
        """Keeps a reading for the application's first sample, if there is a new one."""
        try:
            if self._driver.ready():
                reading = self._driver.measure({})
                self.earlier.append(tuple([reading[key] for key in self._driver.QUANTITIES]))
        except (SensorError, OSError):
            pass  # the measurement that follows says it

    def measure(self, env):
        """The driver's reading, or only {"quality": FAULT}."""
        if self._driver is None:
            return {"quality": FAULT}
        try:
            reading = self._driver.measure(env)
        except (SensorError, OSError) as error:
            self._fault(error)
            return {"quality": FAULT}
        if self._failures:
            self._failures = 0
            log.event("recovered", self.name)
        return reading

    def set(self, key, value):
        self._settings[key] = value
        if self._driver is None:
            return
        try:
            self._driver.set(key, value)
        except (SensorError, OSError) as error:
            self._fault(error)

    def sleep(self):
        if self._driver:
            try:
                self._driver.sleep()
            except (SensorError, OSError) as error:
                self._fault(error)

    def _driver_class(self):
        name = self._config["driver"]
        try:
            module = __import__("kerb.drivers." + name, None, None, (name,))
        except ImportError:
            raise ConfigError("part %s wants driver %s, which is not on this node: build it again" % (self.name, name))
        return getattr(module, name.upper())

    def build(self):
        """The driver, not started. Raises what it raises."""
        make = self._driver_class()
        options = dict(self._config["options"])
        options["name"] = self.name
        bus = self._config["bus"]
        options["where"] = "%s%s" % (bus["kind"], bus["id"]) if bus else "pins"
        if bus and "baud" in bus:
            options["baud"] = bus["baud"]  # pauses are counted in characters
        driver = make(_bus(bus), options)
        if self._kept:
            driver.unpack(self._kept, self._woken)
            self._kept = b""
        return driver

    def _fault(self, error):
        self._failures += 1
        if self._failures == 1:
            log.event("fault", self.name, error)
        else:
            # Built anew at the next turn: it may have lost its supply, and with it what the driver wrote.
            self._driver = None
