"""Keys and integrity codes of LoRaWAN 1.0.4 (TS001-1.0.4 sections 4.3.3, 4.4, 6.2), written apart from the firmware's."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

UP, DOWN = 0, 1


def _encrypt(key: bytes, blocks: bytes) -> bytes:
    # ECB is what the specification asks for: each use has blocks of its own that never repeat under a key.
    worker = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return worker.update(blocks) + worker.finalize()


def _decrypt(key: bytes, blocks: bytes) -> bytes:
    worker = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return worker.update(blocks) + worker.finalize()


def mic(key: bytes, message: bytes) -> bytes:
    """First four bytes of the AES-CMAC: the MIC of a join request, and of a join accept before encryption."""
    code = CMAC(algorithms.AES(key))
    code.update(message)
    return code.finalize()[:4]


def seal_accept(app_key: bytes, body: bytes) -> bytes:
    """Join accept body and MIC as they go on the air. The network decrypts, so that a device need only encrypt (section 6.2.3)."""
    return _decrypt(app_key, body)


def open_accept(app_key: bytes, sealed: bytes) -> bytes:
    """The device's side of `seal_accept`."""
    return _encrypt(app_key, sealed)


def session_keys(app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int) -> tuple[bytes, bytes]:
    """(NwkSKey, AppSKey)."""
    tail = join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + dev_nonce.to_bytes(2, "little") + bytes(7)
    return _encrypt(app_key, b"\1" + tail), _encrypt(app_key, b"\2" + tail)


def _block(first: int, direction: int, dev_addr: int, fcnt: int, last: int) -> bytes:
    return bytes([first, 0, 0, 0, 0, direction]) + dev_addr.to_bytes(4, "little") + fcnt.to_bytes(4, "little") + bytes([0, last])


def data_mic(nwk_s_key: bytes, direction: int, dev_addr: int, fcnt: int, message: bytes) -> bytes:
    """MIC over MHDR..FRMPayload; `fcnt` with all 32 bits."""
    return mic(nwk_s_key, _block(0x49, direction, dev_addr, fcnt, len(message)) + message)


def crypt(key: bytes, direction: int, dev_addr: int, fcnt: int, data: bytes) -> bytes:
    """Encrypts or decrypts a FRMPayload: AppSKey, or NwkSKey on port 0."""
    count = -(-len(data) // 16)
    stream = _encrypt(key, b"".join(_block(0x01, direction, dev_addr, fcnt, i + 1) for i in range(count)))
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))
