"""Runs cases with known answers through the firmware's own code, in 64-bit and in 32-bit arithmetic.

    python tests/conformance/run.py FILE...

Prints passed/total a kind and arithmetic, then every miss, then `N passed, N failed`. Exit code 1: a miss; 2: a file that cannot
be read, or an interpreter that is not there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "host"), str(HERE)]

from cases import Case, CaseFileError, load
from compare import differences
from rounding import transform

HEAP = "128wk"  # that of a board
_SECONDS = 300
_SHOWN = 600  # characters of a miss


class NoInterpreter(Exception):
    """MicroPython did not start; the message is one sentence."""


@dataclass(frozen=True)
class Outcome:
    case: Case
    bits: str  # "64", "32", or "host" for a kind that no board computes
    misses: tuple[str, ...]


def host_kinds() -> dict[str, Callable[[dict[str, Any]], Any]]:
    """Kinds that are the host's by nature: {name: function}."""
    found: dict[str, Callable[[dict[str, Any]], Any]] = {}
    for file in sorted((HERE / "kinds_host").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"kinds_host_{file.stem}", file)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in module.HOST_KINDS.items():
            if name in found:
                raise ValueError(f"Two files of kinds_host have the kind {name!r}.")
            found[name] = function
    return found


def _tables() -> str:
    """Source of the module `protocol_tables`: the regional tables as node.json carries them, which a board cannot read as TOML."""
    regions = {}
    for file in sorted((ROOT / "protocols" / "lorawan").glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        if "name" in table:
            regions[table["name"]] = table
    return f"REGIONS = {regions!r}\n"


def sources(bits: str, folder: Path) -> list[Path]:
    """The folders MicroPython imports from, made ready below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "protocol_tables.py").write_text(_tables(), encoding="utf-8")
    if bits == "64":
        return [ROOT / "firmware", HERE / "kinds", folder]
    transform.rewrite_tree(ROOT / "firmware", folder / "firmware")
    transform.rewrite_tree(HERE / "kinds", folder / "kinds")
    return [folder / "firmware", folder / "kinds", folder]


def find_micropython() -> str:
    """The interpreter: $MICROPYTHON, the one on the path, or that of this environment."""
    return os.environ.get("MICROPYTHON") or shutil.which("micropython") or str(Path(sys.prefix, "bin", "micropython"))


def ask_firmware(cases: list[Case], bits: str) -> tuple[set[str], list[dict[str, Any]]]:
    """(kinds the firmware has, an answer a case: {"got": value} or {"raised": words}). Raises NoInterpreter.

    An interpreter a file of kinds: no board holds the firmware of all of them at once.
    """
    owners: dict[str, str] = {}
    answers: list[dict[str, Any]] = [{"raised": "no kind of this name"}] * len(cases)
    with tempfile.TemporaryDirectory(prefix="kerbstone-conformance-") as folder:
        path = ":".join(str(p) for p in sources(bits, Path(folder)))
        for name in (file.stem for file in sorted((HERE / "kinds").glob("*.py"))):
            kinds, got = _ask(name, cases, bits, path)
            for kind in kinds:
                if kind in owners:
                    raise ValueError(f"Kind {kind!r} is in {owners[kind]} and in {name}.")
                owners[kind] = name
            answers = [new if case.kind in kinds else old for case, old, new in zip(cases, answers, got, strict=True)]
    return set(owners), answers


def _ask(name: str, cases: list[Case], bits: str, path: str) -> tuple[set[str], list[dict[str, Any]]]:
    """What one file of kinds has and answers; cases of other kinds get a null."""
    found = find_micropython()
    text = "".join(json.dumps({"kind": case.kind, "inputs": case.inputs}) + "\n" for case in cases)
    try:
        done = subprocess.run(
            [found, "-X", f"heapsize={HEAP}", str(HERE / "device.py"), bits, name], input=text, capture_output=True, text=True,
            env={**os.environ, "MICROPYPATH": path}, timeout=_SECONDS, check=False,
        )  # fmt: skip
        out, words = done.stdout.splitlines(), done.stdout + done.stderr
    except OSError as error:
        raise NoInterpreter(f"MicroPython did not start ({found}: {error.strerror}).") from error
    except subprocess.TimeoutExpired as error:
        out = (error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or "").splitlines()
        words = f"no answer within {_SECONDS} s"
    try:
        kinds = set(json.loads(out[0]))
    except (IndexError, ValueError) as error:
        raise NoInterpreter(f"The kinds of {name} did not load under MicroPython: {' '.join(words.split())[-400:]}.") from error
    answers = [_answer(line) for line in out[1 : 1 + len(cases)]]
    last = " ".join(words.split())[-200:]
    return kinds, answers + [{"raised": f"the interpreter stopped: {last}"}] * (len(cases) - len(answers))


def _answer(line: str) -> dict[str, Any]:
    """One line of the device; MicroPython writes infinity in a way JSON does not know."""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"raised": f"an answer that is no JSON: {line[:200]}"}


def run(cases: list[Case]) -> list[Outcome]:
    """Every case in every arithmetic that applies. Raises NoInterpreter."""
    host = host_kinds()
    outcomes = []
    for case in (c for c in cases if c.kind in host):
        try:
            misses = differences(case.expected, host[case.kind](case.inputs), case.tolerance)
        except Exception as error:  # whatever the code raises is a miss to show
            misses = [f"raised {type(error).__name__}: {error}"]
        outcomes.append(Outcome(case, "host", tuple(misses)))
    rest = [c for c in cases if c.kind not in host]
    for bits in ("64", "32") if rest else ():
        _, answers = ask_firmware(rest, bits)
        for case, answer in zip(rest, answers, strict=True):
            if "raised" in answer:
                outcomes.append(Outcome(case, bits, (f"expected {case.expected!r}, raised {answer['raised']}",)))
            else:
                outcomes.append(Outcome(case, bits, tuple(differences(case.expected, answer["got"], case.tolerance, int(bits)))))
    return outcomes


def report(outcomes: list[Outcome]) -> str:
    """The table, the misses and the last line."""
    passed, total = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for o in outcomes:
        total[o.case.kind, o.bits] += 1
        passed[o.case.kind, o.bits] += not o.misses
    kinds = sorted({o.case.kind for o in outcomes})
    width = max(map(len, kinds))
    lines = [f"{'kind':{width}}   64 bit   32 bit     host"]
    for kind in kinds:
        cells = [f"{passed[kind, b]}/{total[kind, b]}" if total[kind, b] else "" for b in ("64", "32", "host")]
        lines.append((f"{kind:{width}}" + "".join(f"{cell:>9}" for cell in cells)).rstrip())
    for o in (o for o in outcomes if o.misses):
        words = "; ".join(o.misses)
        where = "host" if o.bits == "host" else f"{o.bits} bit"
        lines.append(f"miss: {o.case.kind} {o.case.id} ({where}): {words if len(words) <= _SHOWN else words[:_SHOWN] + ' ...'}")
    lines.append(f"{sum(not o.misses for o in outcomes)} passed, {sum(bool(o.misses) for o in outcomes)} failed")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if not arguments:
        print("conformance: name a file of cases, for example make conformance CASES=tests/conformance/data/sun_cases.csv", file=sys.stderr)
        return 2
    try:
        outcomes = run([case for name in arguments for case in load(Path(name))])
    except (CaseFileError, NoInterpreter) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    print(report(outcomes))
    return 1 if any(o.misses for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
