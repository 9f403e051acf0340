"""`kerbstone update publish | run | status | promote | halt | resume | end | rehearse`: one life of a roll-out, and bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enrolled_board import PASSPHRASE
from kerbstone.books import wrap
from kerbstone.books.books import Books
from kerbstone.cli import app
from kerbstone.errors import KerbstoneError
from kerbstone.update import keybook
from kerbstone.update.keys import ES256, new_key
from update_bench import OLD, update

BAD = {
    "publish nothing": ("publish {folder}/none.kup --devices {ids}", "cannot be read"),
    "publish what is no bundle": ("publish {ids} --devices {ids}", "no bundle"),
    "publish a stranger's": ("publish {strange} --devices {ids}", "No key of these books signed"),
    "publish to nobody": ("publish {good}", "--devices FILE"),
    "publish to a batch there is not": ("publish {good} --batch none", "no batch none"),
    "publish in rings that shrink": ("publish {good} --devices {ids} --rings 50%,10%", "must be above 50 %"),
    "publish in rings of nobody": ("publish {good} --devices {ids} --rings 99%,100% --name x", "Ring 100% has no device"),
    "publish with a share of all": ("publish {good} --devices {ids} --failures 100%", "lets everything through"),
    "publish with a share that is none": ("publish {good} --devices {ids} --share most", "is no share"),
    "publish under no name": ("publish {good} --devices {ids} --name a/b", "no name for a roll-out"),
    "publish twice": ("publish {good} --devices {ids} --name market", "There is a roll-out market already"),
    "run what there is not": ("run none", "no roll-out none"),
    "run without a broker": ("run market --via mqtt://127.0.0.1:1", "No MQTT broker answers"),
    "promote too early": ("promote market", "0 of 1 devices are confirmed and 1 are wanted"),
    "resume what runs": ("resume market", "running, not halted"),
    "rehearse a node without updates": ("rehearse bins {good}", "needs a table [update]"),
}


@pytest.fixture(scope="module", autouse=True)
def passphrase() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERBSTONE_PASSPHRASE", PASSPHRASE)
        patch.setattr(wrap, "SCRYPT_N", 1 << 10)  # forty commands open the books here
        yield


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, passphrase: None) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rollouts")
    books = Books.create(str(folder / "books.db"), "owner", PASSPHRASE)
    keybook.create(books, "release", "es256")
    with books.change("sign") as change:
        signer = keybook.Signer(books, change, "release")
        (folder / "good.kup").write_bytes(update().bundle(signer.key))
        signer.close("good", b"")
    (folder / "strange.kup").write_bytes(update(old=OLD).bundle(new_key(b"\1\2\3\4", ES256)))
    (folder / "ids.txt").write_text("# bins of the market\n" + "".join(f"KS-{n:02}\n" for n in range(20)))
    (folder / "others.txt").write_text("".join(f"KS-1{n:02}\n" for n in range(20)))
    found = {"folder": folder, "good": folder / "good.kup", "strange": folder / "strange.kup", "ids": folder / "ids.txt"}
    kerbstone(found, "publish {good} --devices {folder}/others.txt --rings 5%,100% --name market")
    return found


def kerbstone(things: dict[str, Path], words: str) -> None:
    books = [] if words.startswith("rehearse") else ["--books", str(things["folder"] / "books.db")]
    app(["update", *[word.format(**things) for word in words.split()], *books], standalone_mode=False)


def told(things: dict[str, Path], words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    kerbstone(things, f"{words} --json")
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_one_life(things: dict[str, Path], capsys: pytest.CaptureFixture[str]):
    begun = told(things, "publish {good} --devices {ids} --rings 5%,100% --name first --failures 10%", capsys)
    assert (begun["state"], begun["ring"], [r["devices"] for r in begun["rings"]]) == ("running", 1, [1, 19])
    assert begun["rings"][0]["gate"] == "closed" and begun["rings"][0]["states"] == {"waiting": 1} and "gate" not in begun["rings"][1]
    kerbstone(things, "status first")
    shown = capsys.readouterr().out
    assert "first: update 5, running" in shown and "Nobody works on it yet: `kerbstone update run first` does." in shown
    forced = told(things, "promote first --force", capsys)
    assert forced["ring"] == 2
    halted = told(things, "halt first --reason smoke", capsys)
    assert (halted["state"], halted["reason"]) == ("halted", "smoke")
    assert told(things, "resume first", capsys)["state"] == "running"
    assert told(things, "end first", capsys)["state"] == "ended"


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence_and_changes_nothing(case: str, things: dict[str, Path]):
    words, expected = BAD[case]
    before = (things["folder"] / "books.db").read_bytes()
    with pytest.raises(KerbstoneError) as caught:
        kerbstone(things, words)
    said = str(caught.value)
    assert expected in said and "\n" not in said and said.endswith(".")
    assert (things["folder"] / "books.db").read_bytes() == before
