"""Type-checks the firmware against the stubs of both ports. Argument: the folder with one folder of stubs a port."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A port lacks a module that only the other has; `power.py` and `esp32` files find out by importing.
CONFIG = """
[mypy]
mypy_path = {stubs}:firmware
custom_typeshed_dir = {typeshed}
python_version = 3.11
explicit_package_bases = true
namespace_packages = true
check_untyped_defs = true
disable_error_code = import-not-found, import-untyped, no-redef, attr-defined, name-defined, import
follow_imports_for_stubs = true
"""


def check(port: str, stubs: Path) -> int:
    config = ROOT / "build" / f"mypy-{port}.ini"
    config.parent.mkdir(exist_ok=True)
    config.write_text(CONFIG.format(stubs=stubs / port, typeshed=stubs / port))
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(config), "firmware"], cwd=ROOT, check=False)
    print(f"firmware against the {port} stubs: {'clean' if done.returncode == 0 else 'errors'}")
    return done.returncode


sys.exit(max(check(port, Path(sys.argv[1]).resolve()) for port in ("esp32", "rp2")))
