"""Runs in MicroPython: a node with an application in slot a gets bundles; one line of JSON a case says what became of it.

Argument: a folder to work in. Standard input: a line of JSON with the files and their list, then a line a case: [bundle, table, selector's
numbers, battery V or null].
"""

import gc
import json
import os
import sys

import stage0

stage0.ROOT = sys.argv[1]

from kerb import log
from kerb.update import agent, inbox, install


class SmallDisk:
    """`os` of a board with 40 blocks left."""

    def __getattr__(self, name):
        return getattr(os, name)

    def statvfs(self, path):
        return 4096, 4096, 350, 40, 40, 0, 0, 0, 0, 255


install.os = SmallDisk()

told = []
log.event = lambda kind, *words: told.append([str(w) for w in words])


def put(path, data):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass
        at = path.find("/", at + 1)
    with open(path, "wb") as f:
        f.write(data)


given = json.loads(sys.stdin.readline())
for path, data in given["files"].items():
    put("%s/a/%s" % (stage0.ROOT, path), bytes.fromhex(data))
put(stage0.ROOT + "/a/list", given["list"].encode())
digest = stage0.hash_file(stage0.ROOT + "/a/list")[1]
del given, data
for line in sys.stdin:
    gc.collect()
    bundle, table, numbers, battery_v = json.loads(line)
    s = stage0.Selector()
    s.slot, s.digest = 1, digest
    s.sequence, s.floor, s.failed = numbers
    stage0.save(s)
    put(stage0.ROOT + "/inbox", bytes.fromhex(bundle))
    told.clear()
    one = agent.Agent(table)
    inbox.prepare(battery_v)
    answer = one.run()
    now = stage0.load()
    print(json.dumps([answer, told, now.slot, stage0.whole(now.slot, now.digest), inbox.complete()]))
