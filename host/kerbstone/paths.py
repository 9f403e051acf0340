"""Where the data that travels with the package lies: beside it in a wheel, at the root of the repository in a clone."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CLONE = _PACKAGE.parents[1]


def _data(name: str) -> Path:
    packaged = _PACKAGE / "data" / name
    return packaged if packaged.exists() else _CLONE / name


def firmware_dir() -> Path:
    """The firmware tree: what goes onto a board (`kerb/` and the start files)."""
    return _data("firmware")


def boards_dir() -> Path:
    """The board files, `<board>.toml`, and the ready-made nodes under `nodes/`."""
    return _data("boards")


def protocols_dir() -> Path:
    """The channel catalogue, the profiles, the regional tables and the generated decoders."""
    return _data("protocols")
