"""The unmodified mpremote against virtual boards: every command, every byte, one board and eight at once."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kerbstone.bench.rp2 import BOOTSEL, Rp2Board
from virtual_board import mpremote, running_board, wait_until


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rp2Board]:
    board = running_board(tmp_path_factory.mktemp("board") / "state")
    yield board
    board.stop()


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "board" in request.fixturenames:
        board: Rp2Board = request.getfixturevalue("board")
        names = mpremote(board, "exec", "import os; print(*os.listdir('/'))").split()
        if names:
            mpremote(board, "rm", "-r", *(f":{name}" for name in names))


def some_tree(root: Path, seed: int) -> Path:
    """Folders and files of awkward sizes and every byte value."""
    rng = random.Random(seed)
    sizes = {"empty": 0, "one.bin": 1, "page.bin": 256, "block.bin": 4096, "deep/er/odd.bin": 5003, "all.bin": 0}
    for name, size in sizes.items():
        path = root / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(range(256)) * 2 if name == "all.bin" else rng.randbytes(size))
    return root / "tree"


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def round_trip(board: Rp2Board, folder: Path, seed: int) -> None:
    """cp -r there, sha256sum, cp -r back: every byte."""
    tree = some_tree(folder, seed)
    mpremote(board, "cp", "-r", str(tree), ":")
    for name in ("all.bin", "deep/er/odd.bin"):
        expected = hashlib.sha256((tree / name).read_bytes()).hexdigest()
        assert expected in mpremote(board, "sha256sum", f":tree/{name}")
    back = folder / "back"
    back.mkdir()
    mpremote(board, "cp", "-r", ":tree", f"{back}/")
    assert contents(back / "tree") == contents(tree)


def test_files_and_folders_come_back_byte_for_byte(board: Rp2Board, tmp_path: Path):
    round_trip(board, tmp_path, 1)
    listing = mpremote(board, "ls", ":tree").splitlines()
    assert [line.split() for line in listing[1:]] and ["5003", "odd.bin"] in [
        line.split() for line in mpremote(board, "ls", ":tree/deep/er").splitlines()
    ]
    mpremote(board, "rm", ":tree/one.bin")
    assert "one.bin" not in mpremote(board, "ls", ":tree")
    mpremote(board, "rm", "-r", ":tree")
    assert mpremote(board, "ls").splitlines() == ["ls :"]


def test_mkdir_rmdir_touch_cat_tree_and_df_show_the_board_and_nothing_of_the_emulator(board: Rp2Board):
    mpremote(board, "mkdir", ":lib", "+", "touch", ":lib/a.py")
    assert [line.split() for line in mpremote(board, "ls").splitlines()[1:]] == [["0", "lib/"]]
    assert "a.py" in mpremote(board, "tree")
    lines = mpremote(board, "df").splitlines()
    assert len(lines) == 2 and lines[1].split()[1] == str(0xD4000) and lines[1].split()[-1] == "/"
    mpremote(board, "rm", ":lib/a.py", "+", "rmdir", ":lib")
    assert "lib" not in mpremote(board, "ls")


def test_a_missing_file_gives_mpremotes_own_words(board: Rp2Board):
    assert "No such file" in mpremote(board, "cat", ":nothing", status=1)
    assert "ZeroDivisionError" in mpremote(board, "exec", "1/0", status=1)


def test_exec_eval_and_run(board: Rp2Board, tmp_path: Path):
    assert mpremote(board, "exec", "print(6 * 7)").strip() == "42"
    assert mpremote(board, "eval", "2**100").strip() == str(2**100)
    script = tmp_path / "script.py"
    script.write_text("import machine, os\nprint(__name__, os.uname()[0], machine.freq())\n")
    assert mpremote(board, "run", str(script)).split() == ["__main__", "rp2", "125000000"]


def test_a_long_script_goes_through_raw_paste_whole(board: Rp2Board, tmp_path: Path):
    script = tmp_path / "long.py"
    script.write_text("t = 0\n" + "".join(f"t += {i}\n" for i in range(2000)) + "print(t)\n")
    assert mpremote(board, "run", str(script)).strip() == str(sum(range(2000)))


def test_mount_reads_and_writes_the_host_folder_with_every_byte_value(board: Rp2Board, tmp_path: Path):
    every = bytes(range(256)) * 33
    (tmp_path / "in.bin").write_bytes(every)
    (tmp_path / "there.py").write_text("WORD = 'from the host'\n")
    code = (
        "import there, os; print(there.WORD, sorted(os.listdir('/remote')))\n"
        "b = open('in.bin', 'rb').read()\nf = open('out.bin', 'wb'); f.write(bytes(reversed(b))); f.close()"
    )
    told = mpremote(board, "mount", str(tmp_path), "exec", code)
    assert "from the host ['in.bin', 'there.py']" in told
    assert (tmp_path / "out.bin").read_bytes() == every[::-1]


def test_time_follows_the_wall_clock(board: Rp2Board):
    began = time.monotonic()
    told = mpremote(board, "exec", "import time; t = time.ticks_ms(); time.sleep(1.5); print(time.ticks_diff(time.ticks_ms(), t))")
    assert 1500 <= int(told) <= (time.monotonic() - began) * 1000
    # A busy wait must end too, although nothing is asked of the board but the time.
    mpremote(board, "exec", "import time; t = time.ticks_ms()\nwhile time.ticks_diff(time.ticks_ms(), t) < 300: pass")


def test_globals_and_modules_do_not_survive_the_soft_reset_and_files_do(board: Rp2Board):
    mpremote(board, "exec", "x = 1\nwith open('kept', 'w') as f: f.write('yes')")
    assert mpremote(board, "exec", "print('x' in globals(), open('kept').read())").split() == ["False", "yes"]
    mpremote(board, "resume", "exec", "y = 2")
    assert mpremote(board, "resume", "exec", "print(y)").strip() == "2"
    mpremote(board, "soft-reset")
    assert "NameError" in mpremote(board, "resume", "exec", "print(y)", status=1)


def test_boot_runs_at_a_raw_soft_reset_and_main_does_not_as_on_the_ports(board: Rp2Board, tmp_path: Path):
    for name in ("boot", "main"):
        (tmp_path / f"{name}.py").write_text(f"ran_{name} = True\nprint('{name}')\n")
        mpremote(board, "cp", str(tmp_path / f"{name}.py"), ":")
    assert mpremote(board, "exec", "print('ran_boot' in globals(), 'ran_main' in globals())").split() == ["True", "False"]
    mpremote(board, "reset")
    time.sleep(0.5)
    assert mpremote(board, "resume", "exec", "print('ran_boot' in globals(), 'ran_main' in globals())").split() == ["True", "True"]


LOOPS = {
    "waits": "import time\nwhile True: time.sleep(100)\n",
    "computes": "while True: pass\n",
    "computes in C": "while True: sum(range(10**7))\n",
    "asks the time": "import time\nwhile True: time.ticks_ms()\n",
    "writes the flash": "while True:\n    with open('log', 'w') as f: f.write('x' * 3000)\n",
    "writes one file": "with open('log', 'w') as f:\n    while True: f.write('x' * 3000); f.seek(0)\n",
    "reads one file": "with open('log', 'w+') as f:\n    f.write('x' * 3000)\n    while True: f.seek(0); f.read()\n",
    "reads the flash": "with open('log', 'w') as f: f.write('x' * 3000)\nwhile True:\n    with open('log') as f: f.read()\n",
    "prints": "while True: print('noise')\n",
    "reads the console": "import sys\nwhile True: sys.stdin.read(1)\n",
    "polls the console":
        "import sys, select\np = select.poll()\np.register(sys.stdin, 1)\nwhile True:\n    if p.poll(50): sys.stdin.read(1)\n",
    "asyncio": "import asyncio\nasync def f():\n    while True: await asyncio.sleep_ms(20)\nasyncio.run(f())\n",
    "light sleep": "import machine\nwhile True: machine.lightsleep(5000)\n",
    "leaves": "import sys\nsys.exit()\n",
}


@pytest.mark.parametrize("loop", LOOPS)
def test_mpremote_gets_in_whatever_main_does(board: Rp2Board, tmp_path: Path, loop: str):
    (tmp_path / "main.py").write_text(LOOPS[loop])
    mpremote(board, "cp", str(tmp_path / "main.py"), ":")
    mpremote(board, "reset")
    time.sleep(0.6)
    assert mpremote(board, "exec", "print('in')").strip() == "in"
    assert mpremote(board, "cat", ":main.py") == LOOPS[loop]
    mpremote(board, "rm", ":main.py")


def test_reset_is_a_reset_of_the_chip(board: Rp2Board):
    mpremote(board, "exec", "import machine; machine.mem_backup()[0] = 77")
    mpremote(board, "reset")
    assert mpremote(board, "exec", "import machine; print(machine.reset_cause(), machine.mem_backup()[0])").split() == ["3", "77"]


def test_a_busy_port_gives_mpremotes_own_message(board: Rp2Board):
    words = [sys.executable, "-m", "mpremote", "connect", str(board.port), "exec", "import time; print('here'); time.sleep(4)"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.read(4) == b"here"
        told = mpremote(board, "ls", status=1)
        assert f"failed to access {board.port} (it may be in use by another program)" in told
    assert first.returncode == 0


def test_the_name_of_the_pty_itself_serves_too(board: Rp2Board):
    name = str(board.port.resolve())
    words = [sys.executable, "-m", "mpremote", "connect", name, "exec", "print('pty')"]
    done = subprocess.run(words, capture_output=True, timeout=60, check=True)
    assert done.stdout.strip() == b"pty"


def test_eight_boards_at_once_keep_every_byte_apart(tmp_path: Path):
    def one(number: int) -> str:
        folder = tmp_path / str(number)
        board = running_board(folder / "state")
        try:
            round_trip(board, folder, 100 + number)
            mounted = folder / "mounted"
            mounted.mkdir()
            (mounted / "who").write_text(f"board {number}")
            assert f"board {number}" in mpremote(board, "mount", str(mounted), "exec", "print(open('who').read())")
            serial = mpremote(board, "exec", "import machine; print(machine.unique_id().hex())").strip()
            mpremote(board, "reset")
            assert mpremote(board, "exec", "print(1)").strip() == "1"
            mpremote(board, "bootloader")
            wait_until(lambda: board.mode == BOOTSEL)
            return serial
        finally:
            board.stop()

    with ThreadPoolExecutor(8) as pool:
        serials = list(pool.map(one, range(8)))
    assert len(set(serials)) == 8
