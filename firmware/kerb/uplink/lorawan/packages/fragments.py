"""Fragmented data blocks (TS004-1.0.0 and 2.0.0, port 201): commands, the code that replaces lost fragments, the block's MIC.

A block of `nb_frag` fragments is followed by as many coded ones as the server likes; each is the exclusive or of a pseudo-random
half of the block. The two versions draw that half differently and cannot be mixed: version 1 counts a column that is drawn
twice, version 2 draws until the columns are distinct.
"""

from micropython import const

from kerb.uplink.lorawan.crypto import block, cmac

PORT = const(201)

_V1_SETUP = "mc_group_bit_mask:4 frag_index:2 -:2 nb_frag:16 frag_size:8 block_ack_delay:3 fragmentation_matrix:3"
_DELETE_REQ = ("FragSessionDeleteReq", "frag_index:2 -:6")
_DELETE_ANS = ("FragSessionDeleteAns", "frag_index:2 session_does_not_exist:1 -:5")
_STATUS_REQ = ("FragSessionStatusReq", "participants:1 frag_index:2 -:5")
_DATA = ("DataFragment", "n:14 frag_index:2 payload:*")
_VERSION_REQ = ("PackageVersionReq", "")
_VERSION_ANS = ("PackageVersionAns", "package_identifier:8 package_version:8")
_SETUP_ANS = "encoding_unsupported:1 not_enough_memory:1 index_not_supported:1 wrong_descriptor:1 "
_STATUS_ANS = "nb_frag_received:14 frag_index:2 missing:8 not_enough_memory:1 "

DOWN = {  # by package version
    1: {
        0: _VERSION_REQ,
        1: _STATUS_REQ,
        2: ("FragSessionSetupReq", _V1_SETUP + " -:2 padding:8 descriptor:32x"),
        3: _DELETE_REQ,
        8: _DATA,
    },
    2: {
        0: _VERSION_REQ,
        1: _STATUS_REQ,
        2: ("FragSessionSetupReq", _V1_SETUP + " ack_reception:1 -:1 padding:8 descriptor:32x session_cnt:16 mic:32x"),
        3: _DELETE_REQ,
        4: ("FragDataBlockReceivedAns", "frag_index:2 -:6"),
        8: _DATA,
    },
}
UP = {
    1: {
        0: _VERSION_ANS,
        1: ("FragSessionStatusAns", _STATUS_ANS + "-:7"),
        2: ("FragSessionSetupAns", _SETUP_ANS + "-:2 frag_index:2"),
        3: _DELETE_ANS,
    },
    2: {
        0: _VERSION_ANS,
        1: ("FragSessionStatusAns", _STATUS_ANS + "mic_error:1 session_does_not_exist:1 -:5"),
        2: ("FragSessionSetupAns", _SETUP_ANS + "session_cnt_replay:1 -:1 frag_index:2"),
        3: _DELETE_ANS,
        4: ("FragDataBlockReceivedReq", "frag_index:2 mic_error:1 -:5"),
    },
}


def prbs23(x):
    """The next state of the 23-bit generator."""
    return x >> 1 | ((x ^ x >> 5) & 1) << 22


def parity(line, nb_frag, version):
    """The columns of coded fragment `line` (1, 2, ...), as an integer: bit n = fragment n + 1."""
    # Where nb_frag is a power of two the modulus is one more, or the generator's low bits would repeat too soon.
    modulus = nb_frag + (nb_frag & nb_frag - 1 == 0)
    x = 1 + 1001 * line
    mask = count = 0
    while count < nb_frag // 2:
        column = nb_frag
        while column >= nb_frag:
            x = prbs23(x)
            column = x % modulus
        if version == 1 or not mask >> column & 1:
            count += 1
        mask |= 1 << column
    return mask


def xor_into(target, other):
    """target ^= other, byte by byte."""
    for i in range(len(other)):
        target[i] ^= other[i]


class _Ram:
    """A block in memory."""

    def __init__(self, count, size):
        self._rows = [bytes(size)] * count

    def get(self, n):
        return self._rows[n]

    def put(self, n, row):
        self._rows[n] = bytes(row)


class Defragmenter:
    """Takes the fragments of one block in any order; lost ones are replaced as soon as enough coded ones are there.

    The block itself lies in `rows` (get(n), put(n, bytes), n from 0), by default in RAM. Memory beside it: a coded fragment and its mask
    for each one lost, at most `redundancy` of them.
    """

    def __init__(self, nb_frag, frag_size, version, redundancy, rows=None):
        self._count = nb_frag
        self._size = frag_size
        self._version = version
        self._spare = redundancy
        self._left = (1 << nb_frag) - 1  # fragments not known yet
        self._rows = {}  # lowest unknown column of a coded fragment: (its unknown columns, its bytes)
        self._block = rows or _Ram(nb_frag, frag_size)

    @property
    def missing(self):
        """Fragments of the block that are not known yet."""
        return sum([self._left >> n & 1 for n in range(self._count)])

    @property
    def done(self):
        return not self._left

    def data(self, padding=0):
        """The block without its padding bytes; call when `done`."""
        return b"".join([self._block.get(n) for n in range(self._count)])[: self._count * self._size - padding]

    def take(self, n, payload):
        """Fragment number n (1 .. nb_frag as they are, then the coded ones). True when it told something new and fitted."""
        if self.done or n < 1 or len(payload) != self._size:
            return False
        columns = 1 << n - 1 if n <= self._count else parity(n - self._count, self._count, self._version)
        return self._solve(columns, bytearray(payload))

    def _solve(self, columns, row):
        """Takes in one row of the equations; whatever it settles is settled. Stored rows hold unknown columns only."""
        new = False
        waiting = [(columns, row)]
        while waiting:
            columns, row = waiting.pop()
            self._subtract(row, columns & ~self._left)
            columns &= self._left
            while columns and columns & -columns in self._rows:
                other = self._rows[columns & -columns]
                columns ^= other[0]
                xor_into(row, other[1])
            if not columns:
                continue
            if columns & columns - 1 == 0:
                self._know(columns, row)
                waiting += [self._rows.pop(key) for key in list(self._rows) if self._rows[key][0] & columns]
            elif len(self._rows) + len(waiting) < self._spare:
                self._rows[columns & -columns] = (columns, row)
            else:
                continue
            new = True
        return new

    def _subtract(self, row, known):
        """Takes known fragments out of a row."""
        for n in range(self._count):
            if known >> n & 1:
                xor_into(row, self._block.get(n))

    def _know(self, column, row):
        """One more fragment of the block is there."""
        n = 0
        while not column >> n & 1:
            n += 1
        self._block.put(n, row)
        self._left &= ~column


def block_key(key):
    """DataBlockIntKey from AppKey (1.1) or GenAppKey (1.0.x), TS004-2.0.0 section 3.3."""
    return bytes(block(key, b"\x30" + bytes(15)))


def block_mic(data_block_int_key, session_cnt, frag_index, descriptor, data):
    """MIC (4 bytes) of a block without its padding; `descriptor` 4 bytes as in FragSessionSetupReq."""
    head = b"\x49" + session_cnt.to_bytes(2, "little") + bytes([frag_index]) + descriptor + bytes(4) + len(data).to_bytes(4, "little")
    return bytes(cmac(data_block_int_key, head + data)[:4])
