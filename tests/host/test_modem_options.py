"""What a node file says of its cell: misspelt and impossible values get one sentence with the line; the rest is what the modem finds."""

import pytest

from kerbstone.build.node import load_node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir


def node(folder, options):
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text()
    path = folder / "cell.toml"
    path.write_text(f"{text}\n[world.parts.modem]\n{options}\n")
    return load_node(str(path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("covrage = 2", "there is no option 'covrage'; .*coverage"), ("coverage = 3", "coverage should be -1 to 2"),
        ("coverage = 1.5", "coverage should be a whole number"), ('loss = "much"', "loss should be a number"),
        ("psm = 1", "psm should be true or false"), ("apn = 7", "apn should be a text"), ("loss = 1.5", "loss should be 0 to 1"),
        ("kernel = 1", "there is no option 'kernel'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path, options, words):
    with Bench(1, START_UTC) as bench, pytest.raises(NodeFileError, match=rf"cell\.toml:\d+: .*{words}"):
        bench.add(node(tmp_path, options))


def test_options_reach_the_cell_and_the_modem(tmp_path):
    with Bench(1, START_UTC) as bench:
        part = bench.add(node(tmp_path, 'coverage = 1\nloss = 0\napn = "kerb.iot"\npsm = false\nimei = "123456789012345"')).parts["modem"]
        assert (part.cell.coverage, part.cell.loss, part.cell.apn, part.cell.psm) == (1, 0.0, "kerb.iot", False)
        assert part.imei == "123456789012345" and part.mode == "off"
        assert part.internet.hosts is bench.hosts
