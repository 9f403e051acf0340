"""What makes a node's files those of a production board: start files that never come to a prompt."""

from __future__ import annotations

from kerbstone.build.firmware import compile_file
from kerbstone.build.node import Node
from kerbstone.errors import NodeFileError
from kerbstone.paths import firmware_dir

BOOT, MAIN = "/boot.py", "/main.py"
_STAGES = {"boot.py": "/stage1.mpy", "main.py": "/stage2.mpy"}  # what firmware/locked.py imports


def lock(node: Node, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with boot.py that never ends, and without main.py.

    Raises NodeFileError for a laboratory's node: it obeys orders without a code, which no lock makes good.
    """
    if not node.spec.node.production:
        raise NodeFileError(f"{node.file.path.name}: production = false in [node], and a production image may not have it: leave it out.")
    root = firmware_dir()
    kept = {name: data for name, data in files.items() if name != MAIN}
    stages = {path: compile_file(root / source, source) for source, path in _STAGES.items()}
    return kept | stages | {BOOT: (root / "locked.py").read_bytes()}
