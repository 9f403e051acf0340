"""The AT engine on the node's own interpreter, against a line that misbehaves as modems do."""

import json
from pathlib import Path

from interpreter import micropython

HERE = str(Path(__file__).parent)
HEAD = f"""
import sys, json
sys.path.append({HERE!r})
from modem_rig import Line, Time
from kerb.modem.at import At
from kerb.errors import ModemError
def attempt(fn, *a, **k):
    began = Time.now
    try:
        return [fn(*a, **k), Time.now - began]
    except ModemError as error:
        return [error.cause, error.detail, str(error), Time.now - began]
"""


def run(script):
    return json.loads(micropython(HEAD + script + "\nprint(json.dumps(out))").splitlines()[-1])


def test_an_answer_is_found_between_echo_urcs_and_the_halves_of_lines():
    out = run(r"""
line = Line({b"AT+CSQ\r": [
    (5, b"AT+CSQ\r\r\n+CERE"), (30, b"G: 2\r\n\r\n+CSQ: 31"), (40, b",99\r\n\r\n+CADATAIND: 0\r\n\r\nO"), (90, b"K\r\n"),
]})
at = At(line)
out = [at.ask("+CSQ", "+CSQ:"), at.take("+CEREG:"), at.take(("+X", "+CADATA")), at.take("+")]
""")
    assert out == [["+CSQ: 31,99"], "+CEREG: 2", "+CADATAIND: 0", None]


def test_a_urc_with_the_prefix_of_the_answer_is_told_apart_by_whoever_knows_the_difference():
    out = run(r"""
line = Line({b"AT+CEREG?\r": [(5, b'\r\n+CEREG: 1,"5B57","195071B",9\r\n\r\n+CEREG: 4,1,"5B57","195071B",9\r\n\r\nOK\r\n')]})
at = At(line)
out = [at.ask("+CEREG?", "+CEREG:", accept=lambda l: l.split(",")[1].isdigit()), at.take("+CEREG:")]
""")
    assert out == [['+CEREG: 4,1,"5B57","195071B",9'], '+CEREG: 1,"5B57","195071B",9']


def test_a_result_line_may_come_before_or_after_ok():
    out = run(r"""
line = Line({b"AT+CAOPEN=0\r": [[(9, b"\r\n+CAOPEN: 0,0\r\n\r\nOK\r\n")], [(9, b"\r\nOK\r\n"), (800, b"\r\n+CAOPEN: 0,27\r\n")]]})
at = At(line)
out = [at.ask("+CAOPEN=0", want="+CAOPEN: 0,") for i in range(2)]
""")
    assert out == [["+CAOPEN: 0,0"], ["+CAOPEN: 0,27"]]


def test_counted_bytes_may_hold_anything():
    out = run(r"""
payload = b"\r\nOK\r\n>\x00\xff\r\nERROR\r\n"
line = Line({
    b"AT+CARECV=0,100\r": [
        [(5, b"\r\n+CARECV: %d," % len(payload) + payload[:9]), (60, payload[9:] + b"\r\n\r\nOK\r\n")],
        [(5, b"\r\n+CARECV: 0\r\n\r\nOK\r\n")],
    ],
    b"AT+QIRD=0,100\r": [(5, b"\r\n+QIRD: %d\r" % len(payload)), (50, b"\n" + payload + b"\r\n\r\nOK\r\n")],
})
at = At(line)
out = []
for command, count in (("CARECV", ","), ("QIRD", "\n"), ("CARECV", ",")):
    lines = at.ask("+%s=0,100" % command, "+%s:" % command, count=count)
    out.append([lines, at.data == payload, len(at.data), at.take("")])
""")
    assert out == [[["+CARECV: 18,"], True, 18, None], [["+QIRD: 18"], True, 18, None], [["+CARECV: 0"], False, 0, None]]


def test_a_payload_waits_for_its_prompt():
    out = run(r"""
line = Line({b"AT+USOST=0,5\r": [(10, b"\r\n@")], b"hello": [(10, b"\r\n+USOST: 0,5\r\n\r\nOK\r\n")],
             b"AT+CASEND=0,2\r": [(10, b"\r\n+CEREG: 2\r\n\r\n> ")], b"hi": [(10, b"hi\r\nOK\r\n")]})
at = At(line)
out = [at.ask("+USOST=0,5", "+USOST:", payload=b"hello", prompt="@", settle_ms=50), at.ask("+CASEND=0,2", payload=b"hi"), at.take("+CEREG")]
""")
    assert out == [["+USOST: 0,5"], [], "+CEREG: 2"]


def test_silence_a_refusal_and_a_restart_are_told_apart_and_take_no_longer_than_allowed():
    out = run(r"""
line = Line({b"AT+X=secret\r": [(5, b"\r\n+CME ERROR: 50\r\n")], b"AT+Y\r": [(5, b"\r\n+Y: \x00\x00RDY\r\n")]})
at = At(line, boot=("RDY",))
out = [attempt(at.ask, "+X=secret"), attempt(at.ask, "+CSQ", limit_ms=700), attempt(at.ask, "+CSQ", limit_ms=700)]
line.answers[b"AT\r"] = [(5, b"\r\nOK\r\n")]
out += [attempt(at.ask, "+Y"), attempt(at.ask, "+X")]
""")
    refused, silent, still, restarted, again = out
    assert refused[:3] == ["refused", "+CME ERROR: 50", "modem: AT+X refused: +CME ERROR: 50"]
    assert silent[0] == "silent" and 700 <= silent[3] <= 740
    assert still[0] == "silent" and 1500 <= still[3] <= 1540  # it says AT for a while first
    assert restarted[0] == again[0] == "restarted"


def test_an_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_command():
    out = run(r"""
line = Line({
    b"AT+A\r": [(1200, b"\r\n+A: 1\r\n\r\nOK\r\n")],
    b"AT\r": [(20, b"\r\nOK\r\n")],
    b"AT+B\r": [(20, b"\r\n+B: 2\r\n\r\nOK\r\n")],
})
at = At(line)
out = [attempt(at.ask, "+A", "+A:", limit_ms=1000)[0], at.ask("+B", "+B:"), at.take("+A")]
""")
    assert out == ["silent", ["+B: 2"], "+A: 1"]


def test_a_modem_stuck_in_data_mode_is_brought_back():
    out = run(r"""
line = Line({b"AT+CASEND=0,5\r": [(10, b"\r\n> ")], b"AT+CSQ\r": [(5, b"\r\n+CSQ: 1,1\r\n\r\nOK\r\n")]})
at = At(line)
out = [attempt(at.ask, "+CASEND=0,5", payload=b"hello", limit_ms=1000)[0]]
write = line.write
def deaf(data):
    if Time.now - began > 5000:
        line.answers[b"AT\r"] = [(5, b"\r\nERROR\r\n\r\nOK\r\n")]
    return write(data)
began = Time.now
line.write = deaf
out.append(at.ask("+CSQ", "+CSQ:"))
""")
    assert out == ["silent", ["+CSQ: 1,1"]]


def test_a_modem_that_never_stops_talking_ends_no_wait_late_and_fills_no_memory():
    out = run(r"""
import gc
class Flood:
    text = b""
    at = 0
    def write(self, data): return len(data)
    def any(self): return 64
    def readinto(self, buf, n):
        Time.now += 5
        for i in range(n):
            buf[i] = self.text[self.at % len(self.text)]
            self.at += 1
        return n
out = []
for text in (b"+CEREG: 2\r\n", b"x" * 999, b"\xff\x00", b"> ", b"+CARECV: 600,", b"+A: 1\r\n"):
    flood = Flood()
    flood.text = text
    at = At(flood)
    took = [attempt(at.ask, "+A", "+A:", limit_ms=3000, count=",", payload=b"x")[-1]]
    took += [attempt(at.wait, "+Z", 3000)[-1], attempt(at.attend, 3000)[-1]]
    out.append([max(took) <= 8000, len(at._urcs) <= 8])
""")
    assert out == [[True, True]] * 6


def test_a_modem_that_wakes_up_is_asked_until_it_answers():
    out = run(r"""
line = Line({b"AT\r": [[], [(5, b"\r\n")], [(5, b"AT\r\r\nOK\r\n\r\n+CPIN: READY\r\n")]]})
at = At(line)
out = [attempt(at.attend, 5000), at.take("+CPIN"), len(line.written)]
""")
    assert out[0][0] is True and 1000 <= out[0][1] <= 1300
    assert out[1:] == ["+CPIN: READY", 3]
