"""Virtual AXP192 and AXP2101: registers, and one rail that feeds another part. Its own current is in the board's figures."""

from __future__ import annotations

from kerbstone.build.pmu import ID_REGISTER, IDS, RAILS
from kerbstone.emulator.parts.base import I2CPart, Nack, Part, PartContext


class Axp(I2CPart):
    """Options: `chip` "axp192" or "axp2101", `rail`, `feeds` the part on it, which has no supply until the rail is on at 3.0 V or more.
    `fault`: "nack"."""

    address = 0x34

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        chip = str(ctx.options["chip"])
        self._rail = RAILS[chip][str(ctx.options["rail"])]
        self._fed: Part = ctx.options["feeds"]
        self.fault = str(ctx.options.get("fault", ""))
        self._registers = {ID_REGISTER: IDS[chip]}
        self._at = 0
        self._fed.powered = False

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack":
            raise Nack
        if not data:
            return
        self._at = data[0]
        for value in data[1:]:
            if self._at != ID_REGISTER:
                self._registers[self._at] = value
            self._at += 1
        if len(data) > 1:
            self._fed.set_power(self.rail_mv >= 3000)

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        out = bytes(self._registers.get(self._at + i, 0) for i in range(count))
        self._at += count
        return out

    @property
    def rail_mv(self) -> int:
        """What the fed part gets."""
        rail = self._rail
        steps = (self._registers.get(rail.voltage, 0) & rail.mask) // (rail.mask & -rail.mask)
        return rail.low_mv + 100 * steps if self._registers.get(rail.enable, 0) & rail.bit else 0


PART = Axp
