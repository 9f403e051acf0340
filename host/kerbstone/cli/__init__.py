"""The `kerbstone` command: one file a verb, errors as one sentence with exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import typer

from kerbstone.errors import KerbstoneError

_VERBS = (
    "emulate", "replay", "faults", "energy", "listen", "decode", "encode", "generate", "profile", "command", "health", "boards", "board",
    "build", "doctor", "commission", "flash", "wipe", "chip",
)
_FAMILIES = ("books", "identity", "audit", "update")  # verbs with verbs of their own
_WORDS_AS_GIVEN = {"command": {"ignore_unknown_options": True}}  # its words may begin with a minus


def _application(words: Iterable[str]) -> typer.Typer:
    """The command with these verbs and families; only their files are imported."""
    made = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
        help="Build, emulate and listen to street-side devices that run MicroPython.",
    )
    made.callback()(lambda: None)  # without it, an application of one verb is that verb
    for word in words:
        module = import_module(f"kerbstone.cli.{word}")
        if word in _FAMILIES:
            made.add_typer(module.app, name=word)
        else:
            made.command(word, context_settings=_WORDS_AS_GIVEN.get(word))(module.command)
    return made


def __getattr__(name: str) -> Any:
    """`app`, the whole command, for who drives it in this process."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = whole = _application((*_VERBS, *_FAMILIES))
    return whole


def main() -> None:
    """Entry point of the console script. The files of other verbs are not imported: they are most of the time a short one takes."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    everything = (*_VERBS, *_FAMILIES)
    try:
        code = _application(sys.argv[1:2] if sys.argv[1] in everything else everything)(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except KerbstoneError as error:
        print(f"kerbstone: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.TyperException as error:
        sentence = " ".join(error.format_message().split())
        print(f"kerbstone: {sentence} See `kerbstone {' '.join(sys.argv[1:2])} --help`.", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        print("kerbstone: stopped.", file=sys.stderr)
        sys.exit(130)
