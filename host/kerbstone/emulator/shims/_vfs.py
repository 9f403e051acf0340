"""`vfs` as a person at the console sees it: without the places where the emulator keeps its own modules."""

from vfs import *  # noqa: F403
from vfs import mount as _mount


def mount(*args, **kwargs):
    """With arguments: mounts. Without: the list of (file system, path)."""
    if args:
        return _mount(*args, **kwargs)
    return [entry for entry in _mount() if entry[1] not in ("/port", "/rom")]
