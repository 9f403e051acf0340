"""Frames, checksums and compensation of the air sensors, answered by the firmware's own code."""

from binascii import hexlify, unhexlify
from struct import unpack_from

from kerb.drivers import alphasense, bme280, crc, pms5003, scd4x, scd30, sds011, sen5x, sgp4x, shdlc, sps30, winsen
from kerb.drivers import bme68x_formulas as bme68x


def _hex(data):
    return hexlify(data).decode().upper()


def _bytes(inputs):
    return unhexlify(inputs["bytes"])


def _whole(probe, data, size):
    """True if the bytes are one frame of `size` bytes for the driver's own framer."""
    return len(data) == size and 0 < probe(data, 0, size) <= size


def _word(data):
    return lambda i: data[3 * i] << 8 | data[3 * i + 1]


def _checked(words, parse):
    def answer(inputs):
        data = _bytes(inputs)
        return parse(data) if len(data) == 3 * words and crc.check_words(data, words) else {"valid": False}

    return answer


def _sps30(parse, empty):
    def answer(inputs):
        out = [empty] * 10
        parse(_bytes(inputs), out)
        return out

    return answer


def _miso(frame):
    out = bytearray(160)
    return out if frame[-1:] == b"\x7e" and shdlc.miso(frame, 0, len(frame) - 1, out) else None


def _shdlc_miso(inputs):
    out = _miso(unhexlify(inputs["frame"]))
    if out is None:
        return {"valid": False}
    return {"addr": out[0], "cmd": out[1], "state": out[2], "data": _hex(out[4 : 4 + out[3]])}


def _sps30_miso(inputs):
    out = _miso(unhexlify(inputs["frame"]))
    if out is None:
        return {"valid": False}
    names = ("mc_1p0", "mc_2p5", "mc_4p0", "mc_10p0", "nc_0p5", "nc_1p0", "nc_2p5", "nc_4p0", "nc_10p0", "typ_um")
    return dict(zip(names, unpack_from(">10f", out, 4)))


def _named(values):
    return dict(zip(("co2_ppm", "t_c", "rh"), values))


def _sgp4x_ticks(inputs):
    rh, t = sgp4x.ticks(inputs["rh"], inputs["t_c"])
    return {"rh_ticks": rh, "t_ticks": t}


def _sgp4x_command(inputs):
    buf = bytearray(8)
    sgp4x.fill_command(buf, {"SGP40": 0x260F, "SGP41": 0x2619}[inputs["chip"]], inputs["rh"], inputs["t_c"])
    return _hex(buf)


def _pms(inputs):
    data = _bytes(inputs)
    if not _whole(pms5003.probe, data, 32):
        return {"valid": False}
    names = ("pm1_cf1", "pm25_cf1", "pm10_cf1", "pm1_atm", "pm25_atm", "pm10_atm", "n03", "n05", "n10", "n25", "n50", "n100")
    out = {name: pms5003.word(data, 4 + 2 * i) for i, name in enumerate(names)}
    out["valid"] = True
    return out


def _sds011(inputs):
    data = _bytes(inputs)
    if not _whole(sds011.probe, data, 10) or data[1] != 0xC0:
        return {"valid": False}
    return {"valid": True, "pm25": sds011.tenths(data, 2) / 10, "pm10": sds011.tenths(data, 4) / 10, "id": _hex(data[6:8])}


# Names other than ours for the same command.
_SAME = {
    "active_mode": "active", "set_active": "active", "active_report": "active", "report_active": "active",
    "passive_mode": "passive", "set_passive": "passive", "query_mode": "passive", "set_query": "passive", "report_query": "passive",
    "passive_read": "read", "read_data": "read", "query_data": "query", "wakeup": "wake", "wake_up": "wake",
    "qa_mode": "ask", "question_mode": "ask", "qa": "ask", "read_concentration": "read", "working": "work", "wake_work": "work",
}  # fmt: skip


def _code(commands, name):
    return commands[name] if name in commands else commands[_SAME[name]]


def _sds011_command(inputs):
    name = inputs["cmd"]
    if name.startswith("period"):
        minutes = "".join([c for c in name if "0" <= c <= "9"])
        return _hex(sds011.command(bytes((8, 1, int(minutes or 0)))))
    return _hex(sds011.command(_code(sds011.COMMANDS, name)))


def _ze07_co(inputs):
    data = _bytes(inputs)
    if not _whole(winsen.probe, data, 9) or data[1] != winsen.GASES["co"][0]:
        return {"valid": False}
    ppm, full = winsen.active(data, 0)
    return {"valid": True, "ppm": ppm, "full_scale_ppm": full}


def _ze07_ch2o(inputs):
    data = _bytes(inputs)
    if not _whole(winsen.probe, data, 9) or data[1] != 0x86:
        return {"valid": False}
    mass, ppb = winsen.answer(data, 0)
    return {"valid": True, "ug_m3": mass, "ppb": ppb}


def _alphasense(algorithm):
    def answer(inputs):
        k = next(inputs[name] for name in ("nT", "kT", "kpT", "k1T", "kppT", "k2T") if name in inputs)
        we, ae = inputs["WEu_mV"] - inputs["WEe_mV"], inputs.get("AEu_mV", 0) - inputs.get("AEe_mV", 0)
        zeros = inputs.get("WEo_mV", inputs.get("WE0_mV", 0)), inputs.get("AEo_mV", inputs.get("AE0_mV", 0))
        return alphasense.corrected(algorithm, we, ae, k, zeros[0], zeros[1]) / inputs["sens_mV_ppb"]

    return answer


def _bme280(inputs):
    calibration = bme280.parse_calibration(unhexlify(inputs["calib_88_A1"]), unhexlify(inputs["calib_E1_E7"]))
    t, p, h = bme280.compensate(calibration, *bme280.parse_data(unhexlify(inputs["data_F7_FE"])))
    return {"t_c": t, "p_pa": p, "rh": h}


def _bmp280(inputs):
    # A BMP280 is a BME280 without the humidity channel.
    t, p, _ = bme280.compensate(tuple(inputs["dig"] + [0, 1, 0, 0, 0, 0]), inputs["adc_T"], inputs["adc_P"], 0)
    return {"t_c": t, "p_pa": p}


def _bme68x(inputs):
    c = inputs["calib"]
    pick = lambda *names: tuple([c[name] for name in names])  # noqa: E731
    t_fine = bme68x.fine(pick("t1", "t2", "t3"), inputs["adc_t"])
    g = pick("gh1", "gh2", "gh3", "res_heat_range", "res_heat_val", "range_sw_err")
    return {
        "t_c": t_fine / 5120,
        "p_pa": bme68x.pressure(pick("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10"), t_fine, inputs["adc_p"]),
        "rh": bme68x.humidity(pick("h1", "h2", "h3", "h4", "h5", "h6", "h7"), t_fine, inputs["adc_h"]),
        "gas_ohm_bme680_low_variant": bme68x.gas_680(c["range_sw_err"], inputs["adc_g"], inputs["gas_range"]),
        "gas_ohm_bme688_high_variant": bme68x.gas_688(inputs["adc_g"], inputs["gas_range"]),
        "res_heat_x_320C_amb25": bme68x.heater(g, 320, 25),
    }


KINDS = {
    "shdlc_mosi_frame": lambda inputs: _hex(shdlc.mosi(inputs["addr"], inputs["cmd"], unhexlify(inputs["data"]))),
    "shdlc_miso_frame": _shdlc_miso,
    "sps30_i2c_float": _sps30(sps30.parse_float, 0.0),
    "sps30_i2c_uint16": _sps30(sps30.parse_uint16, 0),
    "sps30_miso_float": _sps30_miso,
    "scd30_frame": _checked(6, lambda data: _named(scd30.parse(data))),
    "scd4x_frame": _checked(3, lambda data: _named(scd4x.convert(_word(data), 0))),
    "sen5x_values": lambda inputs: [sen5x.value(word & 0xFFFF, i) for i, word in enumerate(inputs["words"])],
    "sgp4x_ticks": _sgp4x_ticks,
    "sgp4x_command": _sgp4x_command,
    "pms_frame": _pms,
    "pms_command": lambda inputs: _hex(pms5003.command(_code(pms5003.COMMANDS, inputs["cmd"]))),
    "sds011_frame": _sds011,
    "sds011_command": _sds011_command,
    "winsen_command": lambda inputs: _hex(winsen.command(_code(winsen.COMMANDS, inputs["cmd"]))),
    "winsen_ze07_co_active": _ze07_co,
    "winsen_ze07_ch2o_reply": _ze07_ch2o,
    "alphasense_alg1": _alphasense(1),
    "alphasense_alg2": _alphasense(2),
    "alphasense_alg3": _alphasense(3),
    "alphasense_alg4": _alphasense(4),
    "bme280": _bme280,
    "bmp280_datasheet_example": _bmp280,
    "bme68x": _bme68x,
}
