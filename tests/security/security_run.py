"""Runs the tests behind the security checklist and writes what they decide: `python tests/security/security_run.py build/conformance.json`.
With `--table` it prints the table of docs/security.md instead, and runs nothing.

A row is "passed" when it has tests and all of them passed, "failed" when one did not, "undecided" when it has none here or one was
skipped; rows of hardware and process say so, whatever the tests. Exits 1 when a row has failed.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kerbstone import __version__

ROOT = Path(__file__).parents[2]
ROWS = Path(__file__).with_name("rows.toml")


class Checklist:
    """A pytest plugin that runs the tests of the rows only, and keeps their results."""

    def __init__(self, rows: list[dict[str, Any]]):
        self.rows = rows
        self._of: dict[str, set[str]] = defaultdict(set)  # test -> rows
        self.results: dict[str, dict[str, str]] = {row["id"]: {} for row in rows}

    def rows_of(self, nodeid: str, marked: list[str]) -> set[str]:
        """Ids of the rows a test counts for. KeyError for a marker that names no row."""
        found = {row["id"] for row in self.rows if any(_belongs(nodeid, name) for name in row.get("tests", ()))}
        for row in marked:
            _ = self.results[row]
        return found | set(marked)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept, dropped = [], []
        for item in items:
            rows = self.rows_of(item.nodeid, [str(mark.args[0]) for mark in item.iter_markers("security")])
            (kept if rows else dropped).append(item)
            self._of[item.nodeid] |= rows
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for row in self._of[report.nodeid]:
                self.results[row][report.nodeid] = report.outcome

    def verdicts(self) -> list[dict[str, Any]]:
        """The rows with their tests and results."""
        return [
            {**{key: value for key, value in row.items() if key != "tests"}, "result": self._verdict(row), "tests": self.results[row["id"]]}
            for row in self.rows
        ]

    def _verdict(self, row: dict[str, Any]) -> str:
        if row["decided"] != "test":
            return str(row["decided"])
        outcomes = set(self.results[row["id"]].values())
        return "failed" if "failed" in outcomes else "passed" if outcomes == {"passed"} else "undecided"


def _belongs(nodeid: str, name: str) -> bool:
    return nodeid == name or nodeid.startswith((f"{name}::", f"{name}["))


def load() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"]
    return rows


def files(rows: list[dict[str, Any]]) -> list[str]:
    """Test files that rows name or whose tests carry the marker."""
    named = {name.partition("::")[0] for row in rows for name in row.get("tests", ())}
    marked = {str(p.relative_to(ROOT)) for p in (ROOT / "tests").rglob("test_*.py") if "mark.security(" in p.read_text(encoding="utf-8")}
    return sorted(name for name in named | marked if (ROOT / name).is_file())


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as docs/security.md shows them: what was decided where, not how it came out."""
    lines = ["| | need | asked by | decided by | not shown |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['id']} | {row['need']} | {'; '.join(row['clauses'])} | {row['decided']} | {row.get('open', '')} |")
    return "\n".join(lines)


def main() -> int:
    if sys.argv[1:] == ["--table"]:
        print(table(load()))
        return 0
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "conformance.json")
    checklist = Checklist(load())
    status = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *files(checklist.rows)], plugins=[checklist])
    verdicts = checklist.verdicts()
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    out.parent.mkdir(parents=True, exist_ok=True)
    results = [row["result"] for row in verdicts]
    summary = {result: results.count(result) for result in sorted(set(results))}
    whole = {"made": made, "version": __version__, "summary": summary, "rows": verdicts}
    out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    for row in verdicts:
        note = f"; open: {row['open']}" if "open" in row else ""
        print(f"{row['id']:>3} {row['result']:10} {len(row['tests']):4} tests  {row['need']}{note}")
    return 1 if status not in (0, 5) or any(row["result"] == "failed" for row in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
