"""A small end device behind a virtual SX1262, for the bench network and its gateways."""

from lorawan_bench import MiniDevice
from sx1262_bench import RX_DONE, TX_DONE, Bench

from kerbstone.emulator.air import ns_crypto as crypto
from kerbstone.emulator.kernel import SECOND_US

_LEAD_US = 20_000  # time the chip gets to be set up before a window


class RadioDevice(MiniDevice):
    """The small end device of the core's tests behind a virtual SX1262: sends, opens RX1 and RX2, gives back what came."""

    def __init__(self, kernel, air):
        super().__init__(None)
        self.kernel, self.chip = kernel, Bench(kernel, air, "bay-1", board_tcxo=True)
        self.dr, self.rx2_sf, self.late_us, self.windows = 5, 9, 0, (1, 2)

    def talk(self, phy, delay_s=1, rx2_sf=None):
        """Sends at SF7 on 868.1 MHz; the downlink's PHYPayload and the window it came in, or None."""
        chip = self.chip
        chip.setup(sf=12 - self.dr, tcxo=True, size=len(phy))
        chip.do(0x80, 1)
        chip.transmit(phy)
        while not chip.irq() & TX_DONE:
            chip.run(100)
        end = next(e for e in reversed(self.kernel.log.of("bay-1", "on_air")))
        end_us = end[0] + end[3]["us"]
        for window, (freq, sf) in enumerate(((868_100_000, 12 - self.dr), (869_525_000, rx2_sf or self.rx2_sf)), 1):
            self.kernel.run(end_us + (delay_s + window - 1) * SECOND_US - _LEAD_US)
            chip.setup(sf=sf, tcxo=True, freq=freq, crc=0, inverted=1, boosted=True, ldro=int(sf > 10))
            chip.do(0xA0, 12)
            chip.do(0x80, 1)
            chip.ready()
            chip.do(0x02, 3, 0xFF)
            self.kernel.run(end_us + (delay_s + window - 1) * SECOND_US - 1000 + self.late_us)
            if window in self.windows:
                chip.raw(b"\x82\0\0\0")
                while not chip.lines["dio1"].level or not chip.irq() & 0x260 | RX_DONE & chip.irq():
                    chip.run(1000)
                if chip.irq() & RX_DONE:
                    return chip.packet(), window
        return None

    def join(self):
        got = self.talk(self.join_request(), 5, 12)
        self.nonce += 1
        if got is None:
            return None
        body = crypto.open_accept(self.key, got[0][1:])
        assert crypto.mic(self.key, got[0][:1] + body[:-4]) == body[-4:]
        self.addr = int.from_bytes(body[6:10], "little")
        self.nwk, self.app = crypto.session_keys(
            self.key, int.from_bytes(body[:3], "little"), int.from_bytes(body[3:6], "little"), self.nonce - 1
        )
        self.fcnt = 0
        return got[1]

    def send(self, *args, **kwargs):
        """((fcnt, control, fopts, port, data, confirmed), window) or None."""
        phy = self.frame(*args, **kwargs)
        self.fcnt += 1
        got = self.talk(phy)
        if got is None:
            return None
        down = got[0]

        class Ready:
            slots = (None,)

            def build(self, _slot):
                return down

        return self.read(Ready(), sent=False), got[1]
