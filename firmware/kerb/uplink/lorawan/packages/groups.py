"""Multicast groups and their class C sessions (TS005-2.0.0): up to four, kept on flash."""

from struct import calcsize, pack, unpack_from

from micropython import const

from kerb import log
from kerb.uplink.lorawan.packages import multicast, wire

_GROUPS = const(4)
_KEPT = "<BI16s16sII"  # id + 1 (0: none), address, keys, lowest counter, last counter
_WEEK_S = const(604800)


class Group:
    """What Listener needs of a group, and its session: `start` and `end` in seconds since power-on, `tuned` (Hz, DR)."""

    def __init__(self, addr, keys, fcnt, last):
        self.addr = addr
        self.keys = keys
        self.fcnt = fcnt
        self.last = last
        self.start = self.end = None
        self.tuned = None


class Package:
    """`host`: the Uplink of extra.py; its identity has a `gen_app_key`, which must not be the AppKey."""

    port = multicast.PORT
    down = multicast.DOWN
    up = multicast.UP

    def __init__(self, host):
        self.host = host
        self.due = None
        self._key = multicast.ke_key(multicast.root_key(host.identity.key("gen_app_key", 16)))
        self._groups = {}
        self._recall()

    def _recall(self):
        kept = self.host.store.get("lw.mc") or b""
        size = calcsize(_KEPT)
        for at in range(0, len(kept) - size + 1, size):
            number, addr, nwk, app, fcnt, last = unpack_from(_KEPT, kept, at)
            if number:
                self._groups[number - 1] = Group(addr, (nwk, app), fcnt, last)
        self._show()

    def _keep(self):
        rows = [pack(_KEPT, number + 1, g.addr, g.keys[0], g.keys[1], g.fcnt, g.last) for number, g in self._groups.items()]
        self.host.store.put("lw.mc", b"".join(rows))
        self._show()

    def _show(self):
        """Tells the listener what it listens to now, and finds out when that changes."""
        now, listener = self.host.board.mono(), self.host.listener
        listener.groups = list(self._groups.values())
        running = [g for g in listener.groups if g.start is not None and g.start <= now]
        tuned = running[0].tuned if running else None
        if tuned != listener.session:
            listener.session = tuned
            if listener.radio:
                listener.resume()
        times = [g.end if g in running else g.start for g in listener.groups if g.start is not None]
        self.due = min(times) if times else None

    def act(self, now):
        """Begins and ends sessions."""
        for number, group in self._groups.items():
            if group.start is not None and group.end <= now:
                log.event("session", number, "ends")
                group.start = group.end = None
                self._keep()  # the counters of what was heard
        self._show()

    def take(self, cid, fields):
        """Carries out one command; the answer's fields."""
        if cid == 0:
            return {"package_identifier": 2, "package_version": self.host.version}
        if cid == 1:
            return self._status(fields["req_group_mask"])
        number = fields["mc_group_id"]
        known = number in self._groups
        if cid == 2:
            mc_key = multicast.group_key(self._key, fields["mc_key_encrypted"])
            keys = multicast.session_keys(mc_key, fields["mc_addr"])
            self._groups[number] = Group(fields["mc_addr"], keys, fields["min_mc_fcnt"], fields["max_mc_fcnt"])
            self._keep()
            return {"mc_group_id": number}
        if cid == 3:
            if known:
                del self._groups[number]
                self._keep()
            return {"mc_group_id": number, "mc_group_undefined": not known}
        return self._session(number, fields, cid == 4)

    def _status(self, mask):
        chosen = [n for n in sorted(self._groups) if mask >> n & 1]
        items = b"".join([wire.pack(n, "mc_addr:32", {"mc_addr": self._groups[n].addr}) for n in chosen])
        mask = sum([1 << n for n in chosen])
        return {"ans_group_mask": mask, "nb_total_groups": len(self._groups), "items": items}

    def _session(self, number, fields, class_c):
        """A session of class B is refused as one at a rate this device cannot have."""
        host, region = self.host, self.host.mac.region
        hz, dr = fields["dl_frequency_hz"], fields["dr"]
        answer = {
            "mc_group_id": number, "mc_group_undefined": number not in self._groups, "freq_error": not region.tunable(hz),
            "dr_error": not (class_c and region.heard(dr, 0) and region.rates[dr][0]),
        }  # fmt: skip
        if answer["mc_group_undefined"] or answer["freq_error"] or answer["dr_error"]:
            return answer
        gps, now, group = host.gps(), host.board.mono(), self._groups[number]
        if gps is None:
            host.ask_time()
            answer["start_missed"] = 1  # without a clock nobody can be on time
            return answer
        wait = (fields["session_time"] - gps + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        lasts = 1 << fields["timeout_exp"]
        if wait + lasts <= 0 or wait > _WEEK_S:
            answer["start_missed"] = 1
            return answer
        answer["time_to_start"] = max(wait, 0)
        group.start, group.end, group.tuned = now + max(wait, 0), now + wait + lasts, (hz, dr)
        log.event("session", number, "in", max(wait, 0), "s for", lasts, "s")
        self._show()
        return answer
