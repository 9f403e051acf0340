"""A node that lives in safe mode because its application crashes takes the update that mends it, and then runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fragile_node import fragile
from kerbstone.build.compile import board_files
from kerbstone.build.firmware import compile_file
from kerbstone.build.node import load_node
from kerbstone.update.bundle import Update, application, class_id, fragments, vendor_id
from kerbstone.update.keys import ES256, new_key
from kerbstone.update.trust import trust_json

PORT = 120
FRAGMENT = 51
TABLE = '[update]\nvendor = "example.org"\nclass = "fragile"\nkeys = "trust.json"\n'


@pytest.mark.security("4")
def test_a_crashing_application_is_mended_from_safe_mode(kerb_node, tmp_path: Path) -> None:
    keys = [new_key(b"\1", ES256), new_key(b"\2", ES256)]
    (tmp_path / "trust.json").write_text(trust_json(keys))
    path = fragile(tmp_path, "xiao_esp32s3_wio_sx1262", "crash_on = 700")
    path.write_text(path.read_text() + TABLE)
    spec = load_node(str(path))
    old = application(board_files(spec))
    mended = tmp_path / "mended.py"
    mended.write_text((tmp_path / "apps" / "fragile.py").read_text().replace("return self._fall(0)", "self._set['crash_on'] = 0"))
    new = {**old, "kerb/apps/fragile.mpy": compile_file(mended, "kerb/apps/fragile.py")}
    node = kerb_node(spec).run("1h")
    assert any(line == "kerb security safe" for line in node.console), node.console[-20:]
    before = len(node.records)
    bundle = Update(vendor_id("example.org"), class_id("example.org", "fragile"), 1, new, old).bundle(keys[0])
    for piece in fragments(bundle, FRAGMENT):
        node.enqueue(PORT, piece)
    node.run("4h")
    told = [line.removeprefix("kerb update ").split()[0] for line in node.console if line.startswith("kerb update ")]
    assert told == ["installed", "probation"], node.console[-20:]
    assert len(node.records) > before + 3, "the application runs again, long before safe mode would have tried it"
    crashes = [at for at, line in enumerate(node.console) if line.startswith("kerb crash")]
    installed = next(at for at, line in enumerate(node.console) if line.startswith("kerb update installed"))
    assert crashes and max(crashes) < installed
