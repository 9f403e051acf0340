"""The checklist's own rules: a row says what its tests say, and nothing better."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import security_run as security

ROWS = [
    {"id": "1", "need": "a", "clauses": [], "decided": "test", "tests": ["tests/x.py::test_a"]},
    {"id": "2", "need": "b", "clauses": [], "decided": "test"},
    {"id": "3", "need": "c", "clauses": [], "decided": "hardware", "tests": ["tests/x.py"]},
]


def verdicts(outcomes: dict[str, str]) -> list[str]:
    checklist = security.Checklist(ROWS)
    for nodeid, outcome in outcomes.items():
        checklist._of[nodeid] = checklist.rows_of(nodeid, [])
        checklist.pytest_runtest_logreport(SimpleNamespace(when="call", outcome=outcome, nodeid=nodeid))
    return [row["result"] for row in checklist.verdicts()]


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        ({}, "undecided"), ({"tests/x.py::test_a": "passed"}, "passed"), ({"tests/x.py::test_a[1]": "passed"}, "passed"),
        ({"tests/x.py::test_a[1]": "passed", "tests/x.py::test_a[2]": "failed"}, "failed"),
        ({"tests/x.py::test_a": "skipped"}, "undecided"), ({"tests/x.py::test_ab": "passed"}, "undecided"),
        ({"tests/x.py::test_a[1]": "passed", "tests/x.py::test_a[2]": "skipped"}, "undecided"),
    ],
)  # fmt: skip
def test_a_row_is_what_its_tests_are(outcomes: dict[str, str], wanted: str) -> None:
    assert verdicts(outcomes) == [wanted, "undecided", "hardware"]


def test_a_marker_without_its_row_is_an_error() -> None:
    with pytest.raises(KeyError):
        security.Checklist(ROWS).rows_of("tests/y.py::test_b", ["99"])


def test_every_row_is_whole_and_every_single_test_it_names_exists() -> None:
    rows = security.load()
    assert [row["id"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    for row in rows:
        assert row["need"] and row["clauses"] and row["decided"] in ("test", "hardware", "process"), row
        for name in row.get("tests", ()):
            file, _, test = name.partition("::")
            text = (security.ROOT / file).read_text(encoding="utf-8")
            assert not test or f"def {test.partition('[')[0]}(" in text, name


def test_every_row_that_tests_decide_has_some_and_every_marker_its_row() -> None:
    marked = set()
    for path in (security.ROOT / "tests").rglob("test_*.py"):
        marked |= set(re.findall(r'mark\.security\("(\w+)"\)', path.read_text(encoding="utf-8")))
    rows = {row["id"]: row for row in security.load()}
    assert marked <= set(rows)
    assert [key for key, row in rows.items() if row["decided"] == "test" and key not in marked and not row.get("tests")] == []


def test_the_page_shows_the_table_of_the_rows() -> None:
    page = (security.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert security.table(security.load()) in page, "run `python tests/security/security_run.py --table` and put it into docs/security.md"
