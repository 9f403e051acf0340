"""Errors of the host tools: one sentence that says what, where and what next."""


class KerbstoneError(Exception):
    """Shown to the user as its message alone; the command exits with code 2."""


class NodeFileError(KerbstoneError):
    """A node, board or profile file is wrong; the message names file and line."""


class CodecError(KerbstoneError):
    """A payload or a value does not fit its profile."""


class EngineError(KerbstoneError):
    """The MicroPython engine is missing or did not start."""


class FaultError(KerbstoneError):
    """A fault was asked for that the catalogue does not hold, or that does not fit the nodes of the run."""


class BudgetError(KerbstoneError):
    """A node draws more than the budget in its node file allows."""


class BrokerError(KerbstoneError):
    """The MQTT broker is not there or refused."""


class CoapError(KerbstoneError):
    """The CoAP listener cannot listen."""


class BenchError(KerbstoneError):
    """A virtual board's port, folder or flash image cannot be used."""


class ChipError(KerbstoneError):
    """The emulated chip, its image or a script on it failed."""


class BooksError(KerbstoneError):
    """The books do not open, or what was asked does not fit what stands in them."""


class IdentityError(KerbstoneError):
    """An identity cannot be minted, written or proven as asked."""


class LinkError(KerbstoneError):
    """A board on a port does not answer as it should; the message names the port."""


class FlashError(KerbstoneError):
    """A board does not take what is put onto it; the message says why and what to do."""


class CommandError(KerbstoneError):
    """A command to a device cannot be made or sent as asked."""


class UpdateError(KerbstoneError):
    """An update cannot be signed, published or followed as asked."""


class UlpError(KerbstoneError):
    """A coprocessor program that cannot be assembled."""
