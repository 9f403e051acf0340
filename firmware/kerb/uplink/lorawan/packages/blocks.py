"""Fragmented data blocks (TS004-1.0.0 and 2.0.0): sessions, each with its block in a file; the last fragment hands it on."""

import os

from micropython import const

from kerb import log
from kerb.uplink.lorawan.packages import fragments, wire

_ROOM = const(65536)  # bytes of a block
_SPARE = const(40)  # lost fragments a block may have at once; each takes a fragment and its mask of RAM
_SLOT_S = const(16)  # BlockAckDelay 0: answers spread over 2**(4 + n) seconds


class Rows:
    """A block in a file, fragment by fragment."""

    def __init__(self, path, size):
        self.path = path
        self.size = size
        self._file = open(path, "w+b")  # noqa: SIM115 (open until the session ends)

    def get(self, n):
        self._file.seek(n * self.size)
        return self._file.read(self.size)

    def put(self, n, row):
        self._file.seek(n * self.size)
        self._file.write(row)

    def close(self):
        self._file.close()


class Session:
    """One session: `setup`, the fields of its FragSessionSetupReq; `state`: None while fragments are missing, then whether the MIC fits."""

    def __init__(self, setup, rows, version):
        self.setup = setup
        self.rows = rows
        self.received = 0
        self.state = None
        self.solver = fragments.Defragmenter(setup["nb_frag"], setup["frag_size"], version, _SPARE, rows)


class Package:
    """`host`: the Uplink of extra.py; its `version` decides on the commands and the parity matrix."""

    port = fragments.PORT
    shared = (1, 8)  # commands a multicast frame may carry: FragSessionStatusReq, DataFragment

    def __init__(self, host):
        self.host = host
        self.down, self.up = fragments.DOWN[host.version], fragments.UP[host.version]
        self.due = None
        self.sessions = {}
        self._counts = {}  # the last SessionCnt of each index, version 2
        self._key = fragments.block_key(host.identity.key("gen_app_key", 16)) if host.version == 2 else None

    def act(self, now):
        """A block was taken over, and the server has been told: who took it begins anew with it."""
        self.due = None
        if self.host.restart:
            self.host.restart()

    def take(self, cid, fields):
        """Carries out one command; the answer's fields or None."""
        index = fields.get("frag_index")
        session = self.sessions.get(index)
        if cid == 0:
            return {"package_identifier": 3, "package_version": self.host.version}
        if cid == 8:
            return self._fragment(session, fields)
        if cid == 1:
            return self._status(index, session, fields["participants"])
        if cid == 2:
            return self._set_up(index, fields)
        if cid == 3:
            if session:
                self._close(index)
            return {"frag_index": index, "session_does_not_exist": session is None}
        return None

    def _close(self, index):
        session = self.sessions.pop(index)
        session.rows.close()
        os.remove(session.rows.path)

    def _set_up(self, index, fields):
        size = fields["nb_frag"] * fields["frag_size"]
        answer = {"frag_index": index, "encoding_unsupported": fields["fragmentation_matrix"] != 0}
        answer["not_enough_memory"] = not fields["padding"] < size <= _ROOM
        if self.host.version == 2:
            count = fields["session_cnt"]
            answer["session_cnt_replay"] = count <= self._counts.get(index, -1)
        if sum([bool(value) for key, value in answer.items() if key != "frag_index"]):
            return answer
        if self.host.version == 2:
            self._counts[index] = count
        if index in self.sessions:
            self._close(index)
        self.sessions[index] = Session(fields, Rows("block%d.bin" % index, fields["frag_size"]), self.host.version)
        return answer

    def _fragment(self, session, fields):
        if not session or session.solver.done:
            return
        session.received += 1
        session.solver.take(fields["n"], fields["payload"])
        if not session.solver.done:
            return
        index, setup = fields["frag_index"], session.setup
        size = setup["nb_frag"] * setup["frag_size"] - setup["padding"]
        session.rows.close()
        session.state = self.host.version == 1 or self._genuine(index, session, size)
        log.event("block", index, setup["descriptor"].hex(), size if session.state else "damaged")
        if setup.get("ack_reception"):
            self._later(setup, 4, {"frag_index": index, "mic_error": not session.state})
        if session.state and self.host.on_block and self.host.on_block(setup["descriptor"], session.rows.path, size):
            del self.sessions[index]
            self.due = self.host.board.mono() + (_SLOT_S << setup["block_ack_delay"]) + _SLOT_S

    def _genuine(self, index, session, size):
        with open(session.rows.path, "rb") as file:
            data = file.read(size)
        setup = session.setup
        return fragments.block_mic(self._key, setup["session_cnt"], index, setup["descriptor"], data) == setup["mic"]

    def _status(self, index, session, everybody):
        if session is None:
            return {"frag_index": index, "session_does_not_exist": 1} if self.host.version == 2 else None
        missing = session.solver.missing
        if not missing and not everybody:
            return None
        fields = {"frag_index": index, "nb_frag_received": session.received, "missing": min(missing, 255)}
        if self.host.version == 2:
            fields["mic_error"] = session.state is False
        self._later(session.setup, 1, fields)
        return None

    def _later(self, setup, cid, fields):
        """Answers of many devices spread over the time the server gave."""
        wait = self.host.random_s(_SLOT_S << setup["block_ack_delay"])
        self.host.later(wait, self.port, wire.pack(cid, self.up[cid][1], fields))
