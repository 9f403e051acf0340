"""Plays samples to an application, in this interpreter and in MicroPython, and checks what it asks for."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from float32 import install_micropython

install_micropython()

from kerb import codec
from kerb.clock import Instant
from kerbstone.codec import compile_profile

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
HEAP = "128wk"  # behaves like 128 KB on a 32-bit chip

Step = tuple[dict[str, Any], int, int | None]  # sample, mono, utc

# Reads [app, settings, repack] and then one step a line; writes the effects of each step as one line of JSON.
_PLAYER = """
import json, sys
from kerb.clock import Instant
name, settings, repack = json.loads(sys.stdin.readline())
module = __import__("kerb.apps." + name, None, None, (name,))
app = module.App(settings)
for line in sys.stdin:
    sample, mono, utc = json.loads(line)
    if repack:
        data = app.pack()
        app = module.App(settings)
        app.unpack(data)
    print(json.dumps(app.step(sample, Instant(mono, utc))))
"""


def micropython(script: str, text: str) -> list[str]:
    """The lines a script writes under MicroPython with the firmware on its path and a board's heap."""
    found = os.environ.get("MICROPYTHON") or shutil.which("micropython") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", f"heapsize={HEAP}", "-c", script],
        input=text, env={**os.environ, "MICROPYPATH": str(FIRMWARE)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-1000:]
    return done.stdout.splitlines()


def new_app(name: str, settings: dict[str, Any]) -> Any:
    return importlib.import_module(f"kerb.apps.{name}").App(settings)


def play(name: str, settings: dict[str, Any], steps: list[Step], repack: bool = False) -> list[list[Any]]:
    """The effects of each step; with `repack` the application is packed, thrown away and unpacked before every step."""
    app = new_app(name, settings)
    out = []
    for sample, mono, utc in steps:
        if repack:
            data = app.pack()
            assert len(data) == app.STATE_BYTES
            app = new_app(name, settings)
            app.unpack(data)
        out.append(app.step(dict(sample), Instant(mono, utc)))
    return out


def play_on_micropython(name: str, settings: dict[str, Any], steps: list[Step], repack: bool = False) -> list[list[Any]]:
    """As play(), in the real interpreter; tuples come back as lists."""
    lines = [json.dumps([name, settings, repack]), *(json.dumps(step) for step in steps)]
    return [json.loads(line) for line in micropython(_PLAYER, "\n".join(lines) + "\n")]


def plain(effects: list[list[Any]]) -> Any:
    """Effects with floats cut to nine digits (the interpreters print them differently) and tuples made lists."""

    def simple(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.9g}")
        if isinstance(value, dict):
            return {k: simple(v) for k, v in value.items()}
        return [simple(v) for v in value] if isinstance(value, list | tuple) else value

    return simple(effects)


def check_effects(profile_name: str, effects: list[Any], parts: dict[str, set[str]]) -> None:
    """Every effect has the shape of the contract: records encode, parts exist and take that key."""
    for effect in effects:
        kind = effect[0]
        if kind == "report":
            _, record, priority, values = effect
            assert priority in (0, 1, 2)
            rest = dict(values)
            quality = rest.pop("quality", 0)  # else the sample's
            assert quality in (0, 1, 2, 3)
            profile = compile_profile(profile_name)
            assert set(rest) <= {row[0] for row in profile["channels"]}
            codec.encode(profile, record, rest, quality, 0)
        elif kind == "set":
            _, part, key, _ = effect
            assert key in parts[part]
        elif kind == "again":
            _, part, ms = effect
            assert part in parts and isinstance(ms, int) and 0 < ms <= 60_000
        else:
            assert kind == "note" and isinstance(effect[1], str)


def reports(effects: list[list[Any]]) -> list[Any]:
    """The reports among the effects of all steps, in order."""
    return [e for step in effects for e in step if e[0] == "report"]
