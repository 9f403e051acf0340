"""Ends a device: every block of the partitions that hold identity, state and records is erased, so no byte of a key is left.

The firmware goes with them, and the board starts as one fresh from its maker. Removing files would only take their names away: littlefs
and NVS leave the bytes where they are until they need the room.
"""

_ERASE = 6  # ioctl of a block device
_COUNT = 4
_DATA = 1  # esp32.Partition.TYPE_DATA
_LABELS = ("nvs", "vfs", "ffat")


def erase(device):
    """Erases all blocks of a block device. The number of blocks."""
    count = device.ioctl(_COUNT, 0)
    for block in range(count):
        device.ioctl(_ERASE, block)
    return count


def devices():
    """The block devices with anything of this device on them."""
    try:
        from esp32 import Partition  # type: ignore[attr-defined]
    except ImportError:
        import rp2

        return [rp2.Flash()]
    found = []
    for label in _LABELS:
        found += Partition.find(_DATA, label=label)
    return found


def wipe():
    """All of them; RTC memory too."""
    import machine

    if hasattr(machine, "RTC") and hasattr(machine.RTC(), "memory"):
        machine.RTC().memory(b"")
    for device in devices():
        erase(device)
