"""Activation by personalisation (LoRaWAN 1.0.4 section 6.3): address and keys are of the identity, and a lost counter cannot be mended."""

from kerb.errors import ConfigError

KEYS = (("dev_addr", 4), ("nwk_s_key", 16), ("app_s_key", 16))


def activate(session, lost, vault, keys, dr):
    """Begins the session of a device that has none on flash; `keys` as KEYS. ConfigError when it had one whose counters are `lost`."""
    if lost:
        raise ConfigError("frame counters are lost: give the device new session keys")
    session.dev_addr = int.from_bytes(keys[0], "big")
    session.keys = keys[1:]
    session.joined = 1
    session.dr = dr
    vault.counters(session)
    vault.save(session)
