"""Kinds of the light point: DALI frames, levels, times and memory; energy meters. Runs under MicroPython."""

from kerb.dali import commands, frames, levels, memory
from kerb.drivers import bl0942, cse7766, hlw8012


def _bytes(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def _address(word):
    """First byte for "short5", "group3", "broadcast"; None for another word."""
    if word.startswith("short") and word[5:].isdigit():
        return commands.short(int(word[5:]))
    if word.startswith("group") and word[5:].isdigit():
        return commands.group(int(word[5:]))
    return {"broadcast": commands.BROADCAST, "unaddressed": commands.UNADDRESSED}.get(word)


_ALIASES = {"RECALL MAX": "RECALL MAX LEVEL", "RECALL MIN": "RECALL MIN LEVEL", "QUERY GEAR PRESENT": "QUERY CONTROL GEAR PRESENT",
            "QUERY PRESENT": "QUERY CONTROL GEAR PRESENT", "READ MEMORY": "READ MEMORY LOCATION", "WRITE MEMORY": "WRITE MEMORY LOCATION",
            "GO TO LAST ACTIVE": "GO TO LAST ACTIVE LEVEL", "INITIALIZE": "INITIALISE", "RANDOMIZE": "RANDOMISE",
            "PROGRAM SHORT": "PROGRAM SHORT ADDRESS", "VERIFY SHORT": "VERIFY SHORT ADDRESS", "SCENE": "GO TO SCENE"}  # fmt: skip


def forward_frame(inputs):
    """The command is written in words: a name, an address ("short0", "group3", "broadcast") and a number."""
    words, name, address, number = inputs["command"].replace("=", " ").split(), [], None, None
    device = False
    for word in words:
        found = _address(word.lower())
        if found is not None:
            address = found if address is None or found == commands.UNADDRESSED else address
        elif word.lower() in ("device", "24bit"):
            device = True
        elif word.isdigit() or word.lower().startswith("0x"):
            number = int(word, 16 if word.lower().startswith("0x") else 10)
        else:
            name.append(word.upper())
    text = _ALIASES.get(" ".join(name), " ".join(name))
    if text in ("DAPC", "DIRECT ARC POWER", "ARC", "LEVEL"):
        data, bits, twice = commands.level(address, number)
    elif device:
        data, bits, twice = commands.device(text, commands.BROADCAST if address is None else address)
    elif text == "INITIALISE" and address is not None:
        argument = {commands.BROADCAST: 0, commands.UNADDRESSED: 0xFF}.get(address, address)
        data, bits, twice = commands.gear(text, argument=argument)
    else:
        data, bits, twice = commands.gear(text, commands.BROADCAST if address is None else address, number or 0)
    halves, count = frames.half_bits(data, bits)
    shown = "".join("1" if halves >> i & 1 else "0" for i in range(count - 1, -1, -1))
    return {
        "hex": ("%06X" if bits == 24 else "%04X") % data, "bits": bits, "send_twice": twice,
        "half_bits_start_plus_data(0=low,1=high)": shown,
    }  # fmt: skip


def timing(inputs):
    name = inputs["name"]
    for unit, factor in (("_ms", 1), ("_us", 1000), ("_s", 0.001)):
        if name.endswith(unit) and name[: -len(unit)] in frames.TIMING:
            value = frames.TIMING[name[: -len(unit)]]
            return [v * factor for v in value] if isinstance(value, tuple) else value * factor
    if name == "bit_rate":
        return frames.HALF_BITS_PER_S // 2
    value = frames.TIMING[{"te_us": "half_bit", "te_ms": "half_bit", "stop_condition_min_ms": "stop_condition"}[name]]
    return value * (1000 if name == "te_us" else 1)


def bl0942_packet(inputs):
    buf = _bytes(inputs["bytes"])
    ok = bl0942.packet_ok(buf, inputs["addr"])
    if not ok:
        return {"checksum_ok": False}
    v, i, w, hz = bl0942.convert(buf, inputs["uref"], inputs["iref"], inputs["pref"])
    return {"checksum_ok": ok, "v": v, "i": i, "w": w, "kwh": bl0942.uint24(buf, 13) / inputs["eref"], "hz": hz}


def _multipliers(inputs):
    return hlw8012.multipliers(inputs["model"], inputs["voltage_divider"], inputs["shunt_ohm"])


def hlw8012_multipliers(inputs):
    watt, ampere, volt = _multipliers(inputs)
    return {"w_per_hz": watt, "a_per_hz": ampere, "v_per_hz": volt}


def hlw8012_reading(inputs):
    watt, ampere, volt = _multipliers(inputs)
    return {"w": watt * inputs["cf_hz"], "v": volt * inputs["cf1_v_hz"], "a": ampere * inputs["cf1_i_hz"]}


def cse7766_frame(inputs):
    buf = _bytes(inputs["bytes"])
    if not cse7766.frame_ok(buf):
        return {"checksum_ok": False}
    volt, ampere, watt, pulses, idle = cse7766.convert(buf)
    return {"checksum_ok": True, "voltage": volt, "power": watt, "current_raw": ampere, "cf_pulses": pulses, "no_load": idle}


KINDS = {
    "dali_level_to_percent": lambda inputs: levels.percent(inputs["level"]),
    "dali_percent_to_level": lambda inputs: levels.nearest(inputs["percent"]),
    "dali_forward_frame": forward_frame,
    "dali2_timing": timing,
    "d4i_memory_value": lambda inputs: memory.value(inputs["class"], _bytes(inputs["raw"])),
    "bl0942_packet": bl0942_packet,
    "hlw8012_multipliers": hlw8012_multipliers,
    "hlw8012_reading": hlw8012_reading,
    "cse7766_frame": cse7766_frame,
}
