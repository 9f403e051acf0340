"""SLIP framing (RFC 1055): how the serial loader cuts a byte stream into frames."""

from __future__ import annotations

END, ESC = b"\xc0", b"\xdb"
ESC_END, ESC_ESC = b"\xdb\xdc", b"\xdb\xdd"

# The longest legal frame is 16 KiB of compressed data and its 24 bytes of headers, every byte escaped.
LONGEST = 2 * (0x4000 + 64)


def encode(frame: bytes) -> bytes:
    """The frame between two END bytes, escaped."""
    return END + frame.replace(ESC, ESC_ESC).replace(END, ESC_END) + END


def unescape(body: bytes) -> bytes | None:
    """What stands between two END bytes, without its escapes; None when an escape is not one."""
    if body.count(ESC) != body.count(ESC_END) + body.count(ESC_ESC):
        return None
    # In a valid body every ESC begins an escape, so neither replacement can match across two of them.
    return body.replace(ESC_END, END).replace(ESC_ESC, ESC)


class Decoder:
    """Takes any bytes in any pieces and gives back whole frames; what is not one is dropped."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._inside = False  # an END has been seen: what follows may be a frame

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order; empty and malformed ones are left out."""
        frames: list[bytes] = []
        pieces = data.split(END)
        for number, piece in enumerate(pieces):
            if self._inside:
                self._body += piece
                if len(self._body) > LONGEST:  # no frame is this long: wait for the next END
                    self._body.clear()
                    self._inside = False
            if number == len(pieces) - 1:
                break
            frame = unescape(bytes(self._body)) if self._inside and self._body else None
            if frame is not None:
                frames.append(frame)
            self._body.clear()
            self._inside = True
        return frames
