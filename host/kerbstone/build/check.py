"""Checks a node against its board and its firmware before anything is built. The rules are in build/checks."""

from __future__ import annotations

from kerbstone.build.checks.pins import used_pins
from kerbstone.build.checks.rule import Finding, Rule
from kerbstone.build.checks.sources import driver_options, find_source, known_names
from kerbstone.build.checks.table import RULES
from kerbstone.build.files import error_at
from kerbstone.build.node import Node
from kerbstone.errors import NodeFileError


def check(node: Node) -> list[str]:
    """Warnings, each one sentence. Raises NodeFileError for the first thing that cannot work."""
    warnings = []
    for rule in RULES:
        for finding in rule.find(node):
            error = error_at(node.file, finding.place, _sentence(rule, finding))
            if not finding.warning:
                raise error
            warnings.append(str(error))
    return warnings


def _sentence(rule: Rule, finding: Finding) -> str:
    """What is wrong, and by which rule and which figure: "... (rule wake-pin; boards/x.toml, mcu = esp32s3)"."""
    return f"{finding.sentence} ({'; '.join(part for part in (f'rule {rule.id}', finding.row) if part)})"


__all__ = ["NodeFileError", "check", "driver_options", "find_source", "known_names", "used_pins"]
