"""What a node does not install, each for its own reason; a hundred thousand mutations with KERBSTONE_CAMPAIGN=full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cbor2
import pytest

from kerbstone.update import patch
from kerbstone.update.bundle import Update, class_id, listing, pack, rotation, vendor_id
from kerbstone.update.image import ImageUpdate
from kerbstone.update.keys import EDDSA, ES256, SigningKey, envelope, new_key
from update_bench import CLASS, NEW, OLD, VENDOR, digest, small_lms, table, update

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
MUTATIONS = 100_200 if FULL else 1_500  # two changes may cancel each other: those are not counted


def device(script: str, arguments: list[str], *given: Any) -> list[str]:
    """Lines a script of this folder prints under MicroPython with a board's heap."""
    found = os.environ.get("MICROPYTHON") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=128wk", str(HERE / script), *arguments], input="".join(json.dumps(line) + "\n" for line in given),
        env={**os.environ, "MICROPYPATH": str(FIRMWARE)}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), small_lms(2)]


@pytest.fixture(scope="module")
def answers(keys: list[SigningKey], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of each case: [reset wanted, events, slot, whole, inbox still full]."""
    fast, stranger = keys[1], small_lms(3)
    good = update().bundle(fast)
    signed = envelope(fast, update().manifest())
    wrong_file = pack(signed, [b"\1" + patch.number(len(NEW["kerb/apps/bins.mpy"])) + bytes(len(NEW["kerb/apps/bins.mpy"]))])
    fields = cbor2.loads(update().manifest())
    outside = cbor2.dumps({**fields, 5: [["../boot.py", bytes(32), 4]]}, canonical=True)
    huge = cbor2.dumps({**fields, 5: [[f"kerb/f{i}.mpy", bytes(32), 1 << 20] for i in range(3)]}, canonical=True)
    one_key = cbor2.dumps({1: 1, 2: VENDOR, 3: CLASS, 4: 9, 9: {b"\1": [fast.algorithm, fast.public]}}, canonical=True)
    both = cbor2.dumps({**fields, 9: {k.kid: [k.algorithm, k.public] for k in keys}}, canonical=True)
    energy = {"ua": 40000, "boot_uc": 26000, "work_ms": 1300, "mv": 3600, "mah": 9000, "uah_day": 300, "reserve_d": 30}
    picture = ImageUpdate(VENDOR, CLASS, 5, bytes(5000), "BOARD-OTA")
    odd = cbor2.dumps({**cbor2.loads(picture.manifest()), 12: [bytes(32), 5000, "BOARD-OTA", 300]}, canonical=True)
    mixed = cbor2.dumps({**cbor2.loads(picture.manifest()), 5: fields[5]}, canonical=True)
    cases: dict[str, tuple[bytes, dict[str, Any], tuple[int, int, int], float | None]] = {
        # First: a file that is right already is not asked for again.
        "digest": (wrong_file, {}, (0, 0, 0), None),
        "patch": (pack(signed, [b"\2\3" + b"\x05\x00\x7f"]), {}, (0, 0, 0), None),
        "signature": (good[:300] + bytes([good[300] ^ 1]) + good[301:], {}, (0, 0, 0), None),
        "key": (update().bundle(stranger), {}, (0, 0, 0), None),
        "truncated manifest": (good[:900], {}, (0, 0, 0), None),
        "truncated file": (good[:-3], {}, (0, 0, 0), None),
        "bytes left over": (good + b"\0", {}, (0, 0, 0), None),
        "class": (update(klass=class_id("example.org", "pole")).bundle(fast), {}, (0, 0, 0), None),
        "vendor": (update(vendor=vendor_id("example.com")).bundle(fast), {}, (0, 0, 0), None),
        "older": (good, {}, (6, 6, 0), None),
        "older than what was built": (good, {"sequence": 7}, (0, 0, 0), None),
        "replayed": (good, {}, (5, 5, 0), None),
        "replayed after it failed": (good, {}, (4, 4, 5), None),
        "size": (pack(envelope(fast, huge), []), {}, (0, 0, 0), None),
        "battery": (good, {"min_battery_v": 3.4}, (0, 0, 0), 3.31),
        "battery has no more than its reserve": (good, {"energy": {**energy, "mah": 8}}, (0, 0, 0), 3.6),
        "image of another board": (picture.bundle(fast), {"image": "OTHER-OTA"}, (0, 0, 0), None),
        "image where none is taken": (picture.bundle(fast), {}, (0, 0, 0), None),
        "image on a chip without partitions": (picture.bundle(fast), {"image": "BOARD-OTA"}, (0, 0, 0), None),
        "image in odd pieces": (pack(envelope(fast, odd), []), {"image": "BOARD-OTA"}, (0, 0, 0), None),
        "image and files": (pack(envelope(fast, mixed), []), {"image": "BOARD-OTA"}, (0, 0, 0), None),
        "port": (update(port=(9, 0, 0)).bundle(fast), {}, (0, 0, 0), None),
        "depends": (update(depends={"kerb/cbor.mpy": bytes(32)}).bundle(fast), {}, (0, 0, 0), None),
        "another base": (update(old={**OLD, "kerb/cbor.mpy": b"x"}, new={**NEW, "kerb/cbor.mpy": b"x"}).bundle(fast), {}, (0, 0, 0), None),
        "a path outside": (pack(envelope(fast, outside), []), {}, (0, 0, 0), None),
        "one key": (pack(envelope(fast, one_key), []), {}, (0, 0, 0), None),
        "files and keys": (pack(envelope(fast, both), []), {}, (0, 0, 0), None),
        "not a bundle": (b"KUP2" + good[4:], {}, (0, 0, 0), None),
        "nothing": (b"K", {}, (0, 0, 0), None),
        "manifest too large": (b"KUP1\x81\x40" + bytes(9000), {}, (0, 0, 0), None),
        "good": (good, {"min_battery_v": 3.4, "energy": energy}, (4, 4, 3), 3.6),
        "good by ES256": (update(depends={"kerb/cbor.mpy": digest(OLD["kerb/cbor.mpy"])}).bundle(keys[0]), {}, (0, 0, 0), None),
        "good and whole": (Update(VENDOR, CLASS, 8, {"kerb/node.mpy": OLD["kerb/node.mpy"], "kerb/x.mpy": b"x"}, OLD).bundle(fast), {},
                           (0, 0, 0), None),
        "rotation": (rotation(fast, VENDOR, CLASS, 9, [stranger, keys[0]]), {}, (0, 0, 0), None),
        "new key": (update().bundle(stranger), {}, (0, 0, 0), None),
        "old key": (good, {}, (0, 0, 0), None),
    }  # fmt: skip
    given = {
        "files": {path: data.hex() for path, data in OLD.items()}, "list": listing(OLD).decode(),
    }
    rows = [[b.hex(), table(keys, **more), numbers, volts] for b, more, numbers, volts in cases.values()]
    folder = tmp_path_factory.mktemp("slots")
    lines = device("update_device.py", [str(folder)], given, *rows)
    return dict(zip(cases, map(json.loads, lines), strict=True))


REFUSED = {
    "signature": "signature", "key": "key", "truncated manifest": "truncated", "truncated file": "truncated", "bytes left over": "form",
    "class": "class", "vendor": "class", "older": "older", "older than what was built": "older", "replayed": "replayed",
    "replayed after it failed": "replayed", "digest": "digest", "patch": "patch", "size": "size", "manifest too large": "size",
    "battery": "battery", "port": "port", "battery has no more than its reserve": "battery", "image of another board": "port",
    "image where none is taken": "port", "image on a chip without partitions": "port", "image in odd pieces": "form",
    "image and files": "form",
    "depends": "depends", "another base": "depends", "a path outside": "form", "one key": "form", "files and keys": "form",
    "not a bundle": "form", "nothing": "form", "old key": "key",
}  # fmt: skip


@pytest.mark.parametrize(("case", "reason"), REFUSED.items())
def test_it_is_refused_with_its_own_reason_and_event(answers: dict[str, Any], case: str, reason: str):
    reset, told, slot, whole, waits = answers[case]
    told = [words for words in told if words[0] != "update"]
    assert [words[:2] for words in told] == [["refused", reason]] and told[0][0] == "refused"
    assert (reset, slot, whole, waits) == (False, 1, True, False), "the application that runs stays as it is"


@pytest.mark.parametrize("case", ["good", "good by ES256", "good and whole", "new key"])
def test_what_is_right_goes_on_trial_in_the_other_slot(answers: dict[str, Any], case: str):
    reset, told, slot, whole, _ = answers[case]
    told = [words for words in told if words[0] != "update"]
    assert told[0][0] == "installed" and (reset, slot, whole) == (True, 2, True)


def test_a_rotation_brings_new_keys_and_takes_the_old_ones_away(answers: dict[str, Any]):
    assert answers["rotation"][1][0][:2] == ["keys", "9"] and answers["rotation"][0] is False
    assert answers["new key"][0] is True and answers["old key"][1][0][1] == "key"


def test_no_mutation_of_a_bundle_is_accepted_and_none_crashes(keys: list[SigningKey], capsys):
    signers = [keys[1], small_lms(4)]
    made = [update(sequence=i + 1).bundle(signers[i % 2]) for i in range(3)] + [rotation(signers[0], VENDOR, CLASS, 9, signers)]
    made.append(ImageUpdate(VENDOR, CLASS, 9, bytes(5000), "BOARD-OTA").bundle(signers[1]))
    heads = [len(b) - len(update(sequence=1)._component("kerb/apps/bins.mpy")) for b in made[:3]] + [len(made[3]), len(made[4])]
    given = {"bundles": [b.hex() for b in made], "heads": heads, "keys": table([*signers, keys[0]])["keys"]}
    counts = json.loads(device("update_fuzz.py", ["11", str(MUTATIONS)], given)[-1])
    assert "accepted" not in counts
    assert {"form", "truncated", "key", "signature", "size"} <= set(counts)
    assert sum(counts.values()) > MUTATIONS * 0.95
    with capsys.disabled():
        print(f"\nmanifests: {sum(counts.values())} mutations, {counts}", file=sys.stderr)


def test_ed25519_opens_too(tmp_path: Path):
    key = new_key(b"\7", EDDSA)
    given = {"files": {p: d.hex() for p, d in OLD.items()}, "list": listing(OLD).decode()}
    row = [update().bundle(key).hex(), table([key]), [0, 0, 0], None]
    assert json.loads(device("update_device.py", [str(tmp_path)], given, row)[0])[1][0][0] == "installed"
