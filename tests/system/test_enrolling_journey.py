"""From a box of boards to a device at its place, by the commands of the README; and no secret in anything they say or write."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import traceback
from pathlib import Path

import pytest

from enrolled_board import PASSPHRASE
from flash_bench import Stand, esp_image, rp2_image
from kerbstone.books.books import Books
from kerbstone.cli import app
from kerbstone.errors import KerbstoneError
from kerbstone.flash.link import Link
from kerbstone.identity import registry, secrets
from kerbstone.identity.secrets import PUBLIC

WIFI = "the words of the lamps' access point"


class Desk:
    """Runs commands in this process and keeps every byte they say, their exceptions and tracebacks too."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, *words: object, fails: str | None = None) -> str:
        out, err = io.StringIO(), io.StringIO()
        failure = ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if code := app([str(word) for word in words], standalone_mode=False):
                    failure = f"exit {code}"
            except KerbstoneError as error:
                failure = f"{error!s}\n{error!r}\n{traceback.format_exc()}"
        self.said.append(out.getvalue() + err.getvalue() + failure)
        if fails is None:
            assert not failure, failure
        else:
            assert fails in failure, (fails, failure, out.getvalue())
        return out.getvalue()


def forms(value: str | bytes) -> set[bytes]:
    """How a value may look in a file or a line of text."""
    raw = value.encode() if isinstance(value, str) else value
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw).rstrip(b"="), repr(raw)[2:-1].encode()}
    with contextlib.suppress(ValueError):
        found |= {bytes.fromhex(raw.decode()), raw.upper(), base64.b64encode(bytes.fromhex(raw.decode())).rstrip(b"=")}
    return found


def secrets_of(path: Path) -> dict[str, set[bytes]]:
    """Every secret in the books, and what opens them."""
    books = Books.enter(str(path), "owner", PASSPHRASE)
    with books.look() as connection:
        rows = [(row.serial, row.key_version) for row in registry.listing(connection) if row.key_version]
        values = secrets.read_many(connection, books, rows)
    found = {f"{serial} {name}": forms(value) for serial, all_ in values.items() for name, value in all_.items() if name not in PUBLIC}
    assert books.member.books_private and not any(name.endswith("device_id") for name in found)
    return found | {"passphrase": forms(PASSPHRASE), "books": forms(books.member.books_private), "member": forms(books.member.sign_private)}


def test_a_box_of_boards_is_enrolled_and_no_secret_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    desk = Desk()
    work = tmp_path / "work"
    (work / "temporary").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("KERBSTONE_PASSPHRASE", PASSPHRASE)
    site = tmp_path / "site.toml"
    site.write_text(f'wifi_ssid = "lamps"\nwifi_password = "{WIFI}"\n')
    esp, rp2 = esp_image(tmp_path / "esp.bin"), rp2_image(tmp_path / "rp2.uf2", 60)

    desk("books", "create")
    desk("identity", "block", "70b3d57ed")
    desk("identity", "plan", "spring", "--node", "parking", "--join-eui", "70B3D57ED0000010", "--count", "2")
    desk("identity", "plan", "poles", "--node", "light", "--join-eui", "70B3D57ED0000010", "--count", "2", "--prefix", "LP")
    desk("identity", "mint", "spring")
    desk("identity", "mint", "poles", "--site", site)
    assert "SHA-256" in desk("build", "parking", "--micropython", esp)

    with Stand(tmp_path / "boards") as stand:
        stand.esp("bay")
        stand.rp2("pole")
        ports = [word for port in stand.ports.values() for word in ("--port", port)]
        flash = ("flash", *ports, "--books", "books.db", "--batch", "spring", "--batch", "poles")
        said = desk(*flash, "--micropython", esp, "--micropython", rp2)
        assert said.count("PASS") == 2 and "2 of 2 boards passed" in said, said
        bay = stand.ports["bay"]
        desk("identity", "prove", "--port", bay, "--board", "xiao_esp32s3_wio_sx1262")
        where = ("--bay", "12", "--lat", "36.1", "--lon", "-79.95", "--facing", "90")
        said = desk("commission", "KS-00001", "--port", bay, *where, "--baseline", "--set", "heartbeat_s=3600")
        assert "bay 12" in said and "empty_ut" in said
        with Link(bay) as link:
            script = "import json\nfrom kerb import config\nc = config.load()\nconfig.overlay(c)\nprint(json.dumps(c['app_settings']))"
            kept = link.ask(script)
        assert kept["heartbeat_s"] == 3600 and len(kept["empty_ut"]) == 3
        assert 12 < sum(axis * axis for axis in kept["empty_ut"]) ** 0.5 < 90
        desk("commission", "LP-00001", "--port", bay, "--bay", "3", fails="take the right board")
        desk("commission", "KS-00002", "--port", bay, "--bay", "3", fails="not on a board")
        desk("commission", "KS-00001", "--port", bay, "--set", "hartbeat_s=1", fails="no setting 'hartbeat_s'")
        desk("commission", "KS-00001", "--port", bay, "--set", "steady_ut='x'", fails="does not take 'x' for 'steady_ut'")
        desk("commission", "KS-00001", "--port", bay, "--mount", "flush")
        desk("commission", "KS-00001", "--port", bay, fails="nothing is said")
        assert "MicroPython 1.29.0" in desk("doctor", "--port", bay, "--port", stand.ports["pole"])
        desk("identity", "rotate", "KS-00001")
        desk("identity", "prove", "--port", bay, "--board", "xiao_esp32s3_wio_sx1262", fails="does not prove app_key")
        desk("identity", "revoke", "LP-00001", "--reason", "stolen")
        desk(*flash, "--json", fails="exit 1")
    desk("identity", "labels", "--batch", "spring", "--pdf", "labels.pdf", "--png", "labels")
    desk("identity", "list", "--json")
    shown = json.loads(desk("identity", "show", "KS-00001", "--json"))
    assert shown["place"]["bay"] == "12" and shown["place"]["settings"]["heartbeat_s"] == 3600
    assert "0 findings" in desk("audit", "verify")
    monkeypatch.setenv("KERBSTONE_PASSPHRASE", "not the passphrase")
    desk("identity", "list", fails="passphrase of owner is wrong")

    hidden = secrets_of(work / "books.db")
    assert len(hidden) > 20 and forms(WIFI) in hidden.values()
    written = {str(path): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    boards = {str(p): p.read_bytes() for p in (tmp_path / "boards").rglob("*") if p.is_file() and p.name != "flash.bin"}
    everything = written | boards | {f"command {n}": said.encode() for n, said in enumerate(desk.said)}
    assert {"books.db", "parking.zip", "labels.pdf"} <= {Path(name).name for name in written}
    told = [(name, where) for name, looks in hidden.items() for where, data in everything.items() if any(look in data for look in looks)]
    assert told == []
    flash_bytes = (tmp_path / "boards" / "pole" / "flash.bin").read_bytes()
    assert any(look in flash_bytes for look in hidden["LP-00001 wifi_password"]), "the search finds what is there"
