"""Wall seconds of `kerbstone flash` for one blank board and for sixteen, identities and self-tests included."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from enrolled_board import new_books
from flash_bench import ESP_NODE, RP2_NODE, Stand, esp_image, kerbstone, rp2_image
from kerbstone.identity import registry

_APP_BYTES, _PAGES = 1_500_000, 1300  # as large as MicroPython's own images


def figures(each: int = 8) -> dict[str, float]:
    """{"one_s", "sixteen_s", "ratio"}: one ESP32, then `each` ESP32s and as many RP2040s with one command."""
    with tempfile.TemporaryDirectory(prefix="kerbstone-") as name:
        folder = Path(name)
        books = new_books(folder / "books.db", each + 1, "bays", node=ESP_NODE)
        wish = registry.Plan("poles", RP2_NODE, "70b3d57ed0000010", True, [(f"LP-{n}", {}) for n in range(each)])
        registry.plan(books, wish)
        registry.mint(books, "poles", None, {}, lambda done, of: None)
        images = ["--micropython", esp_image(folder / "esp.bin", app_bytes=_APP_BYTES)]
        images += ["--micropython", rp2_image(folder / "rp2.uf2", _PAGES)]

        def flash(esps: int, rp2s: int) -> float:
            with Stand(folder / f"{esps} and {rp2s}") as stand:
                for n in range(esps):
                    stand.esp(f"esp {n}")
                for n in range(rp2s):
                    stand.rp2(f"rp2 {n}")
                ports = [word for port in stand.ports.values() for word in ("--port", port)]
                batches = ["--books", folder / "books.db", "--batch", "bays", "--batch", "poles"]
                done = kerbstone("flash", *ports, *images, *batches, "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            return float(json.loads(done.stdout)["seconds"])

        one, sixteen = flash(1, 0), flash(each, each)
        return {"one_s": one, "sixteen_s": sixteen, "ratio": round(sixteen / one, 2)}
