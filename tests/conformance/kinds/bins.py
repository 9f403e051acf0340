"""Answers to the bins' cases, given by the firmware's own code; runs under MicroPython.

The cases name containers in words; `container` reads any dimensions from such a name, in m, and gives shape and dims in mm.
"""

from kerb.apps.algo import fill, sound
from kerb.drivers import a02yyuw, echo_frame, maxbotix

HEADS = {"JSN_SR04T": 0xFF, "AJ_SR04M": 0}


def _all(framer, data):
    found = [framer.push(byte) for byte in data]
    return [number for number in found if number >= 0]


def a02yyuw_frame(inputs):
    data = bytes.fromhex(inputs["bytes"])
    mm = echo_frame.parse_frame(data) if len(data) == 4 else -1
    if mm < 0:
        return {"valid": False, "mm": None, "in_range": False}
    return {"valid": True, "mm": mm, "in_range": a02yyuw.in_range(mm)}


def a02yyuw_stream(inputs):
    return {"mm": _all(echo_frame.Framer(), bytes.fromhex(inputs["bytes"]))}


def jsn_sr04t_uart(inputs):
    data = bytes.fromhex(inputs["bytes"])
    mm = echo_frame.parse_frame(data, 0, HEADS[inputs["model"]]) if len(data) == 4 else -1
    return {"valid": mm >= 0, "mm": mm if mm >= 0 else None}


def dfrobot_sen0754_status(inputs):
    mm = echo_frame.parse_frame(bytes.fromhex(inputs["bytes"]))
    return {-1: "invalid", echo_frame.NO_TARGET: "no_target", echo_frame.INTERFERENCE: "interference"}.get(mm, mm)


def maxbotix_hrxl_serial(inputs):
    found = _all(maxbotix.Framer(4), inputs["ascii"].encode())
    if not found:
        return None
    return {5000: "no_target_5m", 9999: "no_target_10m"}.get(found[-1], found[-1])


def maxbotix_hrxl_pwm(inputs):
    return maxbotix.pulse_to_mm(inputs["pulse_us"], 1, 1)


def maxbotix_xl_pwm_cm(inputs):
    return maxbotix.pulse_to_mm(inputs["pulse_us"], 58, 10) / 10


def speed_of_sound(inputs):
    return sound.speed(inputs["t_c"], inputs["rh"] * 100, inputs.get("p_pa", 101325), inputs.get("co2_ppm", 425))


def echo_to_mm(inputs):
    return sound.echo_mm(inputs["echo_us"], inputs["t_c"], inputs["rh"] * 100)


def _numbers(text):
    """Every number in the text, in order."""
    found, word = [], ""
    for char in text + " ":
        if char in "0123456789" or (char == "." and word):
            word += char
        elif word:
            found.append(float(word))
            word = ""
    return found


def container(name):
    if "igloo" in name or "dome" in name or "hemi" in name:
        shape, dims = "dome", name[name.index("(") :] if "(" in name else name
    elif "cone" in name:
        shape, dims = "cone", name
    elif "frustum" in name:
        shape, dims = "frustum", name[name.index("(") :]
    elif "horizontal" in name:
        shape, dims = "horizontal_cylinder", name
    else:
        return "prism", ()  # straight walls; their outline does not matter
    return shape, [1000 * metres for metres in _numbers(dims)]


def fill_fraction(inputs):
    shape, dims = container(inputs["shape"])
    fill.check(shape, dims)
    return fill.fraction(shape, dims, inputs["height_m"] * 1000, inputs["level_m"] * 1000)


KINDS = {
    "a02yyuw_frame": a02yyuw_frame,
    "a02yyuw_stream": a02yyuw_stream,
    "jsn_sr04t_uart": jsn_sr04t_uart,
    "dfrobot_sen0754_status": dfrobot_sen0754_status,
    "maxbotix_hrxl_serial": maxbotix_hrxl_serial,
    "maxbotix_hrxl_pwm": maxbotix_hrxl_pwm,
    "maxbotix_xl_pwm_cm": maxbotix_xl_pwm_cm,
    "speed_of_sound": speed_of_sound,
    "echo_to_mm": echo_to_mm,
    "fill_fraction": fill_fraction,
}
