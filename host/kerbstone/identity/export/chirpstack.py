"""ChirpStack v4 over gRPC: devices and, in the same step, their keys; what is there already is left or brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
from chirpstack_api import api

from kerbstone.errors import IdentityError
from kerbstone.identity.export.source import Enrolled

_CHUNK = 50  # devices between two words of progress; larger imports were seen to time out (OS2iot-frontend #65)
_TIMEOUT_S = 10.0
_WORDS = {
    grpc.StatusCode.UNAVAILABLE: "does not answer: check address and port, and --tls",
    grpc.StatusCode.UNAUTHENTICATED: "refuses the API token: make one under API keys",
    grpc.StatusCode.PERMISSION_DENIED: "does not let this token do that: use a tenant's token",
    grpc.StatusCode.DEADLINE_EXCEEDED: "takes too long: run the export again, it goes on where it stopped",
}


@dataclass(frozen=True)
class Server:
    """Where to export to. The token stays out of the repr."""

    address: str  # host:port
    application: str
    device_profile: str
    token: str = field(repr=False)
    tls: bool = False
    ca: bytes | None = None


@dataclass
class Done:
    created: int = 0
    updated: int = 0  # were there, with other keys
    kept: int = 0


def export(server: Server, devices: Sequence[Enrolled], tell: Callable[[int], None] = lambda n: None) -> Done:
    """Creates what is missing. Run again after a failure, it goes on. Raises IdentityError with the server's reason."""
    credentials = grpc.ssl_channel_credentials(server.ca) if server.tls else None
    channel = grpc.secure_channel(server.address, credentials) if credentials else grpc.insecure_channel(server.address)
    done = Done()
    with channel:
        service = api.DeviceServiceStub(channel)
        for first in range(0, len(devices), _CHUNK):
            for device in devices[first : first + _CHUNK]:
                try:
                    _one(service, server, device, done)
                except grpc.RpcError as error:
                    code = error.code()
                    reason = _WORDS.get(code, f"refuses {device.serial}: {error.details()}")
                    count = done.created + done.updated
                    raise IdentityError(f"ChirpStack at {server.address} {reason}. {count} devices were exported.") from None
            tell(done.created + done.updated + done.kept)
    return done


def _one(service: api.DeviceServiceStub, server: Server, device: Enrolled, done: Done) -> None:
    metadata = [("authorization", f"Bearer {server.token}")]
    keys = api.DeviceKeys(dev_eui=device.dev_eui, nwk_key=device.text("app_key"))  # LoRaWAN 1.0.x has its AppKey there
    try:
        service.Create(
            api.CreateDeviceRequest(device=api.Device(
                dev_eui=device.dev_eui, join_eui=device.join_eui, name=device.serial, application_id=server.application,
                device_profile_id=server.device_profile, tags={k: str(v) for k, v in device.place.items()},
            )),
            metadata=metadata, timeout=_TIMEOUT_S,
        )
        new = True
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        new = False
    try:
        service.CreateKeys(api.CreateDeviceKeysRequest(device_keys=keys), metadata=metadata, timeout=_TIMEOUT_S)
        done.created += 1
        return
    except grpc.RpcError as error:
        if new or error.code() not in (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INTERNAL):
            raise
    held = service.GetKeys(api.GetDeviceKeysRequest(dev_eui=device.dev_eui), metadata=metadata, timeout=_TIMEOUT_S)
    if held.device_keys.nwk_key == keys.nwk_key:
        done.kept += 1
        return
    service.UpdateKeys(api.UpdateDeviceKeysRequest(device_keys=keys), metadata=metadata, timeout=_TIMEOUT_S)
    service.FlushDevNonces(api.FlushDevNoncesRequest(dev_eui=device.dev_eui), metadata=metadata, timeout=_TIMEOUT_S)
    done.updated += 1
