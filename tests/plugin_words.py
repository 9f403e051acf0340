"""What a pytest of its own needs to find our plugin: nothing where the package is installed, its name in a mere checkout."""

from __future__ import annotations

import subprocess
import sys

_PROBE = "import importlib.metadata as m; print(any(e.name == 'kerbstone' for e in m.entry_points(group='pytest11')))"


def plugin_words() -> list[str]:
    installed = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True).stdout.strip() == "True"
    return [] if installed else ["-p", "kerbstone.testing.plugin"]
