"""Labels: a QR code as LoRa Alliance TR005 has it (no secret in it), the serial for people, a sheet to print or one picture each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from kerbstone.errors import IdentityError

_COLUMNS, _ROWS = 3, 8  # 70 x 36 mm, the common sheet of 24
_WIDTH, _HEIGHT = 70 * mm, 36 * mm
_MARGIN = (A4[1] - _ROWS * _HEIGHT) / 2
_QR = 28 * mm
_GAP = 4 * mm
NO_PROFILE = "00000000"  # VendorID and VendorProfileID, where the LoRa Alliance gave none


@dataclass(frozen=True)
class Label:
    """What a label says: nothing of it is a secret."""

    serial: str
    dev_eui: str
    join_eui: str
    title: str = ""


def tr005(label: Label, profile_id: str = NO_PROFILE) -> str:
    """TR005-1.0.0: LW:D0:JoinEUI:DevEUI:ProfileID:S<serial>. The check sum is optional and left out. Raises IdentityError."""
    if len(profile_id) != 8 or any(c not in "0123456789abcdefABCDEF" for c in profile_id):
        raise IdentityError(f"{profile_id!r} is no ProfileID: VendorID and VendorProfileID are 8 hexadecimal digits.")
    if any(c not in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./" for c in label.serial.upper()):
        raise IdentityError(f"Serial {label.serial!r} has letters a TR005 code cannot have: use letters, digits and - . / + only.")
    return f"LW:D0:{label.join_eui}:{label.dev_eui}:{profile_id}:S{label.serial}".upper()


def png(label: Label, profile_id: str = NO_PROFILE, scale: int = 8) -> bytes:
    """The code alone as a picture, `scale` pixels a module."""
    out = io.BytesIO()
    segno.make(tr005(label, profile_id), error="m", micro=False).save(out, kind="png", scale=scale, border=4)
    return out.getvalue()


def write_png(labels: Sequence[Label], folder: Path, profile_id: str = NO_PROFILE) -> None:
    """One file a label, named by its serial. Raises IdentityError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for label in labels:
            (folder / f"{label.serial.replace('/', '_')}.png").write_bytes(png(label, profile_id))
    except OSError as error:
        raise IdentityError(f"{folder} cannot take the labels: {error.strerror}; name another folder.") from error


def sheet(labels: Sequence[Label], profile_id: str = NO_PROFILE) -> bytes:
    """A PDF of A4 pages with 24 labels each."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle("Kerbstone labels")
    for number, label in enumerate(labels):
        at = number % (_COLUMNS * _ROWS)
        if number and not at:
            canvas.showPage()
        x = at % _COLUMNS * _WIDTH
        y = A4[1] - _MARGIN - (at // _COLUMNS + 1) * _HEIGHT
        _draw(canvas, label, profile_id, x, y)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, label: Label, profile_id: str, x: float, y: float) -> None:
    canvas.drawImage(ImageReader(io.BytesIO(png(label, profile_id, 4))), x + _GAP / 2, y + (_HEIGHT - _QR) / 2, _QR, _QR)
    left, top = x + _QR + _GAP, y + _HEIGHT - 10 * mm
    canvas.setFont("Helvetica-Bold", _fitting(canvas, label.serial, 11))
    canvas.drawString(left, top, label.serial)
    canvas.setFont("Helvetica", 7)
    for line, text in enumerate((label.title, "DevEUI", label.dev_eui.upper(), "JoinEUI", label.join_eui.upper())):
        canvas.drawString(left, top - (4 + 3.4 * line) * mm, text)


def _fitting(canvas: Canvas, text: str, size: float) -> float:
    """The largest size up to `size` at which the text ends before the label does."""
    room = _WIDTH - _QR - 2 * _GAP
    return min(size, size * room / canvas.stringWidth(text, "Helvetica-Bold", size))
