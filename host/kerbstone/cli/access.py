"""How commands get at the books: where they are, who asks, and the passphrase, which is never an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.books.books import Books
from kerbstone.errors import BooksError

DEFAULT = "books.db"
KEYRING_SERVICE = "kerbstone"
_VARIABLE = "KERBSTONE_PASSPHRASE"

BooksOption = Annotated[str, typer.Option("--books", envvar="KERBSTONE_BOOKS", help="File or postgresql:// URL of the books.")]
AsOption = Annotated[str, typer.Option("--as", envvar="KERBSTONE_MEMBER", help="The member you are.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def passphrase(member: str, variable: str = _VARIABLE, new: bool = False) -> str:
    """From the environment, the computer's keyring, or the terminal. Raises BooksError when there is none of them."""
    found = os.environ.get(variable) or (None if new else _from_keyring(member))
    if found:
        return found
    if not sys.stdin.isatty():
        raise BooksError(f"No passphrase for {member}: set {variable}, or keep it in the keyring as {KEYRING_SERVICE}/{member}.")
    text: str = typer.prompt(f"Passphrase of {member}", hide_input=True, confirmation_prompt=new, err=True)
    return text


def _from_keyring(member: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, member)
    except KeyringError:
        return None


def enter(url: str, member: str) -> Books:
    """Opens the books. Raises BooksError."""
    if "://" not in url and not Path(url).is_file():
        raise BooksError(f"There are no books at {url}: `kerbstone books create` makes them, --books names others.")
    return Books.enter(url, member, passphrase(member))
