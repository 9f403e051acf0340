"""The catalogue of faults: name, parameters, where each hooks in."""

from __future__ import annotations

from kerbstone.emulator.faults import air, cellular, fits, power, sensing, servers, storage, wires
from kerbstone.emulator.faults.model import Fault, Param

SECOND_US = 1_000_000

_PART = Param("part", "word", None, "the part in the node file")
_OFF = Param("off", "duration", 5 * SECOND_US, "how long the supply stays away", low=1000)
_OPERATIONS = (
    Param("op", "int", None, "which operation from the beginning, 1 = the first", low=1),
    Param("times", "int", 1, "how often", low=1, high=100_000),
    Param("step", "int", 1, "operations by which each further one comes later after the return than the one before", high=100_000),
)
_EVERY = Param("every", "duration", 0, "again after so long; 0s = once")
_SHARE = Param("share", "float", 1.0, "probability", low=0, high=1)

_FAULTS = (
    Fault("power_cut", "the supply fails and comes back", "the device and the rails of its parts", power.cut_now, (_OFF,), instant=True),
    Fault(
        "power_cut_op", "the supply fails at a flash operation, and again after each return", "Flash.faults", power.cut_at_operation,
        (*_OPERATIONS, Param("torn", "bool", False, "in the middle of it: a prefix of the data lands, an erase ends half done"), _OFF),
        instant=True,
    ),
    Fault("watchdog", "the watchdog resets the chip, which keeps its RTC memory", "Device.reset", power.reset_now, instant=True),
    Fault(
        "watchdog_op", "the watchdog resets the chip at a flash operation, and again after each return", "Flash.faults",
        power.reset_at_operation, _OPERATIONS, instant=True,
    ),
    Fault(
        "brown_out", "the supply dips: the chip resets again and again, its parts do not", "Device", power.brown_out,
        (
            Param("times", "int", 5, "resets", low=1, high=100_000),
            Param("every", "duration", 2 * SECOND_US, "from one reset to the next", low=1000),
        ),
        instant=True,
    ),
    Fault(
        "i2c_nack", "a part does not acknowledge", "before the part on its bus", wires.tap(wires.NackTap), (_PART, _SHARE), fits=fits.i2c,
    ),
    Fault(
        "i2c_stuck", "a line of the part's bus is held low: no transfer on it ends", "before every part on the bus",
        wires.tap(wires.StuckTap, whole_bus=True), (_PART,), fits=fits.i2c,
    ),
    Fault(
        "i2c_short", "a part lets go of the data line after some bytes; the rest reads as ones", "before the part on its bus",
        wires.tap(wires.ShortTap), (_PART, Param("bytes", "int", 1, "bytes that still come", high=255)), fits=fits.i2c,
    ),
    Fault(
        "uart_noise", "the bytes of a part arrive changed, in two pieces, or not at all", "UartPart.disturb", wires.uart,
        (
            _PART, Param("how", "word", "garbage", "what happens to them", words=("garbage", "split", "silence")),
            Param("gap", "duration", 200_000, "between the two pieces"),
        ),
        fits=fits.uart,
    ),
    Fault("sensor_frozen", "a part repeats its last value", "the part's site and noise", sensing.frozen, (_PART,), fits=fits.part),
    Fault(
        "sensor_ageing", "a particle or gas sensor loses sensitivity, and its zero grows", "the part's site", sensing.ageing,
        (
            _PART,
            Param("loss_pct", "float", 2.0, "percent of its sensitivity lost a month", low=-50, high=90),
            Param("zero", "float", 0.0, "growth of its zero a month, in the unit of what it measures", low=-1000, high=1000),
        ),
        fits=fits.part,
    ),
    Fault(
        "rtc_slip", "the clock of the chip runs fast, or slow below 0", "Timing.slip", sensing.rtc_slip,
        (Param("ppm", "float", None, "millionths", low=-200_000, high=200_000),),
    ),
    Fault(
        "clock_step", "the network tells a wrong time", "SNTP server or network server", sensing.clock_step,
        (Param("by_s", "float", None, "seconds it is ahead, or behind below 0", low=-1e9, high=1e9),),
    ),
    Fault("radio_loss", "receivers miss frames", "Channel.lost", air.loss, (_SHARE,), place="air", fits=fits.lorawan),
    Fault(
        "radio_jammer", "something near the gateway sends into the frames of the nodes", "the channel, as one more sender", air.jammer,
        (
            Param("freq", "int", 0, "Hz; 0 = every channel", high=1_000_000_000),
            Param("share", "float", 1.0, "probability for a frame", high=1),
        ),
        place="air", fits=fits.lorawan,
    ),
    Fault(
        "gateway_away", "the gateways hear and send nothing", "Gateway.away", air.gateway_away,
        (Param("gateway", "int", 0, "1 = the first; 0 = all", high=1000),), place="air", fits=fits.lorawan,
    ),
    Fault("wifi_away", "the access point is gone", "Wifi.in_range", servers.wifi_away, fits=fits.mqtt),
    Fault("broker_down", "nobody listens at the broker's port", "Sockets.trouble", servers.trouble("refused", True), fits=fits.mqtt),
    Fault(
        "broker_restart", "connections end, and for a while nobody listens", "Sockets.trouble", servers.trouble("refused", True),
        fits=fits.mqtt, for_us=10 * SECOND_US,
    ),
    Fault("broker_half_open", "TCP accepts, nothing passes", "Sockets.trouble", servers.trouble("half_open", False), fits=fits.mqtt),
    Fault("broker_deaf", "the broker gets all, its answers are lost", "Sockets.trouble", servers.trouble("deaf", False), fits=fits.mqtt),
    Fault("cell_away", "no coverage", "Cell.coverage", cellular.away, fits=fits.nbiot),
    Fault(
        "cell_coverage", "the modem is in another coverage class: slower, and dearer", "Cell.coverage", cellular.coverage,
        (Param("level", "int", 2, "0 good, 1, 2 deep in a cellar", high=2),), fits=fits.nbiot,
    ),
    Fault("cell_loss", "datagrams are lost, each way", "Cell.loss", cellular.loss, (_SHARE,), fits=fits.nbiot),
    Fault("cell_change", "the modem finds itself on another cell", "Cell", cellular.change, instant=True, fits=fits.nbiot),
    Fault(
        "cell_reject", "the network puts the modem out and rejects its attaches", "Cell.cause", cellular.reject,
        (Param("cause", "int", 15, "EMM cause of TS 24.301: 3, 7, 11 stat denied; 15, 17, 22 tried again later", low=2, high=111),),
        fits=fits.nbiot,
    ),
    Fault("cell_server", "what is behind the network does not answer", "Internet.trouble", cellular.server,
          (Param("how", "word", "half_open", "how it fails", words=("refused", "half_open", "deaf")),), fits=fits.nbiot),
    Fault("psm_refused", "the network grants no power saving mode", "Cell.psm", cellular.psm_refused, fits=fits.nbiot),
    Fault(
        "psm_timers", "the network grants other timers than asked for", "Cell.active_s, tau_s", cellular.timers,
        (Param("active", "duration", 20 * SECOND_US, "T3324"), Param("tau", "duration", 3240 * SECOND_US, "T3412")), fits=fits.nbiot,
    ),
    Fault(
        "sockets_lost", "registered, but the modem's sockets and MQTT connection are dead and do not say so", "Socket.dead",
        cellular.sockets_lost, (Param("cure", "word", "reopen", "what helps", words=("reopen", "restart")), _EVERY), fits=fits.nbiot,
    ),
    Fault(
        "modem_stuck", "the next data mode does not end by itself", "Terminal.prompt", cellular.stuck,
        (Param("cure", "word", "escape", "what ends it: ESC or Ctrl-Z, or only its power key", words=("escape", "power")),),
        fits=fits.nbiot,
    ),
    Fault("modem_reboot", "the modem starts again in the middle of things", "Modem.reboot", cellular.reboot, (_EVERY,), fits=fits.nbiot),
    Fault("modem_hang", "the modem answers nothing until it is switched off or reset", "Modem.hung", cellular.hang, instant=True,
          fits=fits.nbiot),
    Fault(
        "modem_noise", "characters between chip and modem are changed, lost or added", "Modem.line_noise", cellular.noise,
        (Param("share", "float", 0.001, "probability for a character", high=1),), fits=fits.nbiot,
    ),
    Fault(
        "broker_slow", "every answer of the broker is late", "Sockets.slow_us", servers.slow,
        (Param("by", "duration", 20 * SECOND_US, "how late"),), fits=fits.mqtt,
    ),
    Fault(
        "flash_full", "the file system has almost no room, from the start", "the image", storage.full,
        (Param("blocks", "int", 6, "free blocks of 4096 bytes; each of the node's two folders takes two", low=4, high=10_000),),
    ),
    Fault(
        "bad_block", "programming and erasing one block of the flash fails with EIO", "Flash.faults", storage.bad_block,
        (Param("block", "int", storage.NEXT, "its number; -1 = the next one that is used", low=-1, high=1_000_000),),
    ),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}
