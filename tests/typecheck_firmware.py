"""Type-checks the firmware against the stubs of both ports. Argument: the folder with one folder of stubs a port.

The stubs stand in for the whole standard library, so a call that the port does not offer is an error here.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OTHER = {"esp32": ("rp2",), "rp2": ("esp32",)}
# Without Optional tracking: MicroPython code sets attributes late. `assignment` and `misc` would flag the
# stubs' own tick types and the fallbacks of feature detection.
CONFIG = """
[mypy]
mypy_path = {stubs}:firmware
custom_typeshed_dir = {stubs}
python_version = 3.11
explicit_package_bases = true
namespace_packages = true
check_untyped_defs = true
strict_optional = false
disable_error_code = assignment, misc, var-annotated, operator
cache_dir = build/mypy-{port}

[mypy-{other}]
ignore_missing_imports = true
"""


def check(port: str, stubs: Path) -> int:
    """Number of errors in firmware files."""
    config = ROOT / "build" / f"mypy-{port}.ini"
    config.parent.mkdir(exist_ok=True)
    config.write_text(CONFIG.format(stubs=stubs / port, port=port, other=OTHER[port][0]))
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "firmware"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if not any("checked" in line for line in lines):
        sys.exit(f"mypy could not run against the {port} stubs: {done.stdout[-500:]} {done.stderr[-500:]}")
    errors = [line for line in lines if line.startswith("firmware") and " error: " in line]
    print("\n".join(errors), end="\n" if errors else "")
    print(f"firmware against the {port} stubs: {len(errors)} errors")
    return len(errors)


sys.exit(1 if sum(check(port, Path(sys.argv[1]).resolve()) for port in OTHER) else 0)
