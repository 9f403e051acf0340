"""Exports against those who read them: mosquitto's own tools and broker, ChirpStack's service definitions, AWS's and our own way back."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zxingcpp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from enrolled_board import PASSPHRASE, new_books
from kerbstone.books.books import Books, verify
from kerbstone.errors import IdentityError
from kerbstone.identity import ca, importing, labels, registry
from kerbstone.identity.export import documents, tables
from kerbstone.identity.export.source import Enrolled, collect, write_private

grpc = pytest.importorskip("grpc", reason="ChirpStack's package is not installed: pip install -e .[test]")
from chirpstack_api import api

from kerbstone.identity.export import chirpstack


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> list[Enrolled]:
    return collect(new_books(tmp_path_factory.mktemp("books") / "books.db", count=120), "b1", (), "test")


def test_our_own_table_comes_back_as_it_was(devices: list[Enrolled], tmp_path: Path):
    write_private(tmp_path / "out.csv", tables.own(devices))
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600
    other = Books.create(str(tmp_path / "other.db"), "owner", PASSPHRASE)
    assert importing.enter(other, "moved", "parking", importing.read(tmp_path / "out.csv")) == 120
    assert tables.own(collect(other, "moved", (), "test")) == tables.own(devices)
    assert verify(str(tmp_path / "other.db")).wrong == []
    with pytest.raises(IdentityError, match="nothing was imported"):
        importing.enter(other, "again", "parking", importing.read(tmp_path / "out.csv"))
    with pytest.raises(IdentityError, match="not overwritten"):
        write_private(tmp_path / "out.csv", b"")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_things_stack_takes_and_gives_the_same(form: str, devices: list[Enrolled], tmp_path: Path):
    make = tables.things_stack if form == "csv" else documents.things_stack
    data = make(devices, "EU868", False)
    path = tmp_path / f"tts.{form}"
    path.write_bytes(data)
    found = importing.read(path)
    assert [(v["dev_eui"], v["join_eui"], v["app_key"]) for v in found] == [(d.dev_eui, d.join_eui, d.text("app_key")) for d in devices]
    if form == "csv":
        assert next(csv.DictReader(io.StringIO(data.decode()), delimiter=";"))["frequency_plan_id"] == "EU_863_870_TTN"
    with pytest.raises(IdentityError, match="No frequency plan"):
        make(devices, "EU433", False)


BAD = {
    "no app_key": ("serial,dev_eui,join_eui\nA,70b3d57ed0000001,70b3d57ed0000010\n", "line 2: it has no app_key"),
    "short key": ("serial,dev_eui,join_eui,app_key\nA,70b3d57ed0000001,70b3d57ed0000010,abcd\n", "line 2: app_key is not 32"),
    "bad eui": ("serial,dev_eui,join_eui,app_key\nA,70b3,70b3d57ed0000010,00\n", "line 2: DevEUI '70b3' is no EUI-64"),
    "no serial": ("dev_eui,join_eui\n70b3d57ed0000001,70b3d57ed0000010\n", "line 2: '' is no serial"),
    "empty": ("serial,dev_eui\n", "names no device"),
    "json": ('{"ids": 5}', "device 1: it is no end device"),
    "cut json": ('{"ids": {"device_id"', "device 1: it is no end device"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_refused_with_its_line(name: str, tmp_path: Path):
    (tmp_path / "in.csv").write_text(BAD[name][0])
    with pytest.raises(IdentityError, match=BAD[name][1]):
        importing.read(tmp_path / "in.csv")


def test_passwords_are_those_mosquitto_checks(devices: list[Enrolled]):
    """The same PBKDF2 that mosquitto_passwd writes: `user:$7$101$salt$digest`."""
    for device, line in zip(devices, documents.mosquitto_passwords(devices).decode().splitlines(), strict=True):
        user, _, rest = line.partition(":")
        _, kind, rounds, salt, digest = rest.split("$")
        made = hashlib.pbkdf2_hmac("sha512", device.text("mqtt_password").encode(), base64.b64decode(salt), int(rounds))
        assert (user, kind, len(base64.b64decode(salt))) == (device.serial, "7", 12) and base64.b64decode(digest) == made
        assert device.text("mqtt_password") not in line


def test_aws_and_azure_get_certificates_where_there_is_a_ca(tmp_path: Path):
    books = new_books(tmp_path / "books.db", count=1)
    with books.change("sign") as change:
        authority = x509.load_pem_x509_certificate(ca.create(change, books, "Test CA").encode())
    registry.plan(books, registry.Plan("b2", "parking", "70b3d57ed0000010", True, [("N-1", {"bay": "12"})]))
    registry.mint(books, "b2", None, {}, lambda done, of: None)
    (device,) = collect(books, "b2", (), "aws")
    certificate = x509.load_pem_x509_certificate(json.loads(documents.aws([device]))["CertificatePem"].encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject.rfc4514_string() == "2.5.4.5=N-1,CN=N-1" and certificate.not_valid_after_utc.year == 9999
    assert device.values["mqtt_cert"] == certificate.public_bytes(Encoding.DER)
    row = next(csv.DictReader(io.StringIO(tables.azure([device]).decode())))
    assert row["attestationType"] == "x509" and row["primaryKey"] == ""
    (plain,) = collect(books, "b1", (), "azure")
    row = next(csv.DictReader(io.StringIO(tables.azure([plain]).decode())))
    assert row["attestationType"] == "symmetrickey" and base64.b64decode(row["primaryKey"]) == plain.values["device_key"]


def test_dead_devices_are_not_exported(tmp_path: Path):
    books = new_books(tmp_path / "books.db", count=3)
    registry.revoke(books, "KS-0001", "stolen")
    registry.retire(books, "KS-0002")
    assert [d.serial for d in collect(books, "b1", (), "csv")] == ["KS-0000"]
    with pytest.raises(IdentityError, match="KS-0001 is revoked and is not exported"):
        collect(books, None, ["KS-0001"], "csv")


def test_labels_are_read_back_by_an_independent_reader(devices: list[Enrolled]):
    label = labels.Label(devices[3].serial, devices[3].dev_eui, devices[3].join_eui, "Bay")
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(labels.png(label, "000AF8BE"))))
    assert found.text == "LW:D0:70B3D57ED0000010:70B3D57ED0000003:000AF8BE:SKS-0003"
    sheet = labels.sheet([labels.Label(d.serial, d.dev_eui, d.join_eui) for d in devices])
    assert sheet.startswith(b"%PDF") and sheet.count(b"/Type /Page\n") == 5, "24 labels a page"
    assert sheet == labels.sheet([labels.Label(d.serial, d.dev_eui, d.join_eui) for d in devices]), "the same labels are the same file"
    with pytest.raises(IdentityError, match="no ProfileID"):
        labels.tr005(label, "12")


class ChirpStack(api.DeviceServiceServicer):
    """What ChirpStack v4 does with these calls: devices and keys apart, both unique."""

    def __init__(self) -> None:
        self.devices: dict[str, api.Device] = {}
        self.keys: dict[str, str] = {}
        self.flushed: list[str] = []
        self.fail_after = 1 << 30

    def _check(self, context: grpc.ServicerContext) -> None:
        if dict(context.invocation_metadata()).get("authorization") != "Bearer right":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        self.fail_after -= 1
        if self.fail_after < 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    def Create(self, request: api.CreateDeviceRequest, context: grpc.ServicerContext) -> object:
        self._check(context)
        if request.device.dev_eui in self.devices:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "object already exists")
        self.devices[request.device.dev_eui] = request.device
        return _Empty()

    def CreateKeys(self, request: api.CreateDeviceKeysRequest, context: grpc.ServicerContext) -> object:
        self._check(context)
        if request.device_keys.dev_eui in self.keys:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "object already exists")
        self.keys[request.device_keys.dev_eui] = request.device_keys.nwk_key
        return _Empty()

    def GetKeys(self, request: api.GetDeviceKeysRequest, context: grpc.ServicerContext) -> api.GetDeviceKeysResponse:
        self._check(context)
        return api.GetDeviceKeysResponse(device_keys=api.DeviceKeys(dev_eui=request.dev_eui, nwk_key=self.keys[request.dev_eui]))

    def UpdateKeys(self, request: api.UpdateDeviceKeysRequest, context: grpc.ServicerContext) -> object:
        self._check(context)
        self.keys[request.device_keys.dev_eui] = request.device_keys.nwk_key
        return _Empty()

    def FlushDevNonces(self, request: api.FlushDevNoncesRequest, context: grpc.ServicerContext) -> object:
        self._check(context)
        self.flushed.append(request.dev_eui)
        return _Empty()


def _Empty() -> object:
    from google.protobuf.empty_pb2 import Empty

    return Empty()


@pytest.fixture
def server() -> Iterator[tuple[ChirpStack, chirpstack.Server]]:
    service = ChirpStack()
    running = grpc.server(ThreadPoolExecutor(2))
    api.add_DeviceServiceServicer_to_server(service, running)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield service, chirpstack.Server(f"127.0.0.1:{port}", "app", "profile", "right")
    running.stop(None)


def test_chirpstack_gets_devices_and_keys_in_one_step(devices: list[Enrolled], server: tuple[ChirpStack, chirpstack.Server]):
    service, target = server
    seen: list[int] = []
    done = chirpstack.export(target, devices, seen.append)
    assert vars(done) == {"created": 120, "updated": 0, "kept": 0} and seen == [50, 100, 120]
    assert service.keys == {d.dev_eui: d.text("app_key") for d in devices}
    first = service.devices[devices[0].dev_eui]
    assert (first.name, first.join_eui, first.application_id, first.device_profile_id) == ("KS-0000", "70b3d57ed0000010", "app", "profile")
    assert "right" not in repr(target)


@pytest.mark.parametrize("calls", [0, 1, 2, 77, 100])
def test_a_server_that_goes_away_is_told_and_the_next_run_goes_on(
    calls: int, devices: list[Enrolled], server: tuple[ChirpStack, chirpstack.Server]
):
    service, target = server
    service.fail_after = calls
    with pytest.raises(IdentityError, match=f"does not answer.*{calls // 2} devices were exported"):
        chirpstack.export(target, devices)
    service.fail_after = 1 << 30
    done = chirpstack.export(target, devices)
    assert (done.created, done.kept, done.updated) == (120 - calls // 2, calls // 2, 0)
    assert service.keys == {d.dev_eui: d.text("app_key") for d in devices}


def test_rotated_keys_replace_those_on_the_server(devices: list[Enrolled], server: tuple[ChirpStack, chirpstack.Server]):
    service, target = server
    chirpstack.export(target, devices[:5])
    service.keys[devices[2].dev_eui] = "00" * 16
    assert vars(chirpstack.export(target, devices[:5])) == {"created": 0, "updated": 1, "kept": 4}
    assert service.flushed == [devices[2].dev_eui], "a device that joins with new keys counts its DevNonces anew"


def test_a_wrong_token_is_a_sentence_without_it(devices: list[Enrolled], server: tuple[ChirpStack, chirpstack.Server]):
    _, target = server
    wrong = chirpstack.Server(target.address, "app", "profile", "hidden-word")
    with pytest.raises(IdentityError, match="refuses the API token") as caught:
        chirpstack.export(wrong, devices)
    assert "hidden-word" not in str(caught.value)
