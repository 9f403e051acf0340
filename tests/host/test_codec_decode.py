"""What decoders do with payloads that are wrong, damaged, or newer or older than they are; host and JavaScript alike."""

import json
import random
from pathlib import Path

import pytest
import quickjs

from kerbstone.codec import Profile, Quality, Trust, decode, decode_any, decode_uplink, encode, load_profile, profile_names, split
from kerbstone.codec.batch import join
from kerbstone.codec.generated import javascript
from kerbstone.codec.layout import write_head
from kerbstone.codec.profile import parse_profile
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import CodecError

PARKING = load_profile("parking")


def profile(channels: str, records: str, more: str = "", number: int = 200, version: int = 0) -> Profile:
    """A profile from `name@since` words; its own channels c4, c6, c9, c12 are numbers of so many bits."""
    rows = ", ".join(f'{{ name = "{name}", since = {since} }}' for name, since in (word.split("@") for word in channels.split()))
    cuts = "\n".join("{} = {!r}".format(*word.split("=")) for word in records.split())
    own = "\n".join(f'[channel.c{n}]\ntitle = "x"\nunit = "1"\nmin = 0\nmax = {2**n - 2}\nstep = 1' for n in (4, 6, 9, 12))
    text = f'title = "x"\nnumber = {number}\nversion = {version}\nchannels = [{rows}]\n[records]\n{cuts}\n{own}\n{more}'
    return parse_profile(TomlFile(Path("own.toml"), text))


def in_javascript(model: Profile, messages: list[bytes]) -> list[dict]:
    """The results of the generated decoder."""
    one = "function (bytes) { return decodeUplink({bytes: bytes}); }"
    script = f"{javascript(model, load_profile('node'))} function run(list) {{ return JSON.stringify(JSON.parse(list).map({one})); }}"
    return json.loads(quickjs.Function("run", script)(json.dumps([list(message) for message in messages])))


def on_host(model: Profile, message: bytes) -> dict:
    """The host decoder's result in the form of the generated decoder's."""
    return decode_uplink(model, message)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ("", "the payload is empty: give at least the header and the status"),
        ("1", "the payload '1' is not hex: give two digits a byte, like '10 04'"),
        ("10 0g", "the payload '10 0g' is not hex: give two digits a byte, like '10 04'"),
        ("20 00", "the payload is of profile number 2, not of parking (1): choose its own profile"),
        ("00 00", "the header carries profile number 0, which does not exist: this is no message of Kerbstone"),
        ("f0 0f", "the header carries profile number 15, which does not exist: this is no message of Kerbstone"),
        ("f0", "the payload is truncated: its second byte, the profile number, is not there"),
        ("14 00", "parking: version 1 is not the known version 0: get the profile file of that version"),
        ("10", "parking: truncated, length 1: a live record has 2 (state) or 4 (full) bytes"),
        ("10 04 a1", "parking: truncated, length 3: a live record has 2 (state) or 4 (full) bytes"),
        ("10 04 a1 ec 00", "parking: too long, length 5: a live record has 2 (state) or 4 (full) bytes"),
        ("10 14 65 53 f1 00", "parking: truncated, length 6: a stamped record has 7 (state) or 9 (full) bytes"),
        ("10 04 a1 ed", "parking: the last 2 bits of record full must be zero: the payload is damaged or of another profile"),
    ],
)
def test_a_payload_that_cannot_be_read_is_refused_in_one_sentence(payload: str, sentence: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(PARKING, payload)
    assert str(caught.value) == sentence


def test_hex_may_be_written_as_people_write_it() -> None:
    assert {decode(PARKING, text).values["state"] for text in ("1004", "10 04", "10:04", "0x10 0x04", "0x1004", "10-04")} == {"occupied"}


def test_bytes_worked_out_by_hand_decode_to_their_values() -> None:
    """Header 0001 00 00; status 01 01; state 01, cause 00; battery 101000 = 2.0 + 40 * 0.04; temperature 01111011 = -40 + 123 / 2."""
    got = decode(PARKING, "10 54 a1 ec 65 53 f1 00 85")
    assert got.values == {"state": "occupied", "cause": "event", "battery_v": 3.6, "temperature": 21.5}
    assert (got.quality, got.trust, got.stamp, got.repeat, got.seq) == (Quality.SUSPECT, Trust.STAMPED, 1_700_000_000, True, 5)
    assert got.units == {"battery_v": "V", "temperature": "Cel"}


def test_the_header_chooses_the_profile() -> None:
    every = [load_profile(name) for name in profile_names()]
    assert decode_any(every, "1004").profile == "parking"
    with pytest.raises(CodecError, match=r"number 200, not of air \(3\)"):
        decode_any(every, "f0 c8 00")
    own = profile("c6@0", "full=c6")
    assert decode_any([*every, own], encode(own, "full", {"c6": 9})).values == {"c6": 9}


@pytest.mark.parametrize("appended", ["humidity@1", "humidity@1 pressure@1 pm1@2 pm4@3"])
def test_an_old_decoder_keeps_the_old_values_of_a_newer_sender(appended: str) -> None:
    old = profile("battery_v@0 temperature@0", "short=battery_v full=temperature")
    last = appended.split()[-1].split("@")[0]
    new = profile(f"battery_v@0 temperature@0 {appended}", f"short=battery_v full={last}")
    values = {"battery_v": 3.2, "temperature": -7.5, "humidity": 55.5}
    messages = [encode(new, record, values, Quality.SUSPECT, Trust.UNSURE, 9, True, 3) for record in ("short", "full")]
    for message, scripted in zip(messages, in_javascript(old, messages), strict=True):
        assert on_host(old, message) == scripted
    short, full = (decode(old, message) for message in messages)
    assert (short.record, short.values, short.warnings) == ("short", {"battery_v": 3.2}, [])
    assert (full.record, full.values) == ("full", {"battery_v": 3.2, "temperature": -7.5})
    assert (full.stamp, full.repeat, full.seq, full.quality) == (9, True, 3, Quality.SUSPECT)
    assert full.warnings == [f"own: sent by a newer revision than 0, bytes not read: {new.size(len(new.channels)) - old.size(2)}"]


def test_a_channel_appended_into_the_padding_is_passed_over_by_an_old_decoder() -> None:
    old = profile("c6@0", "full=c6")  # 2 bytes of header, 10 bits and 6 of padding
    new = profile("c6@0 c4@1", "full=c4")
    message = encode(new, "full", {"c6": 5, "c4": 9})
    assert len(message) == old.size(1)
    got = decode(old, message)
    assert (got.values, got.warnings) == ({"c6": 5}, ["own: sent by a newer revision than 0, bits not read: 6"])
    assert on_host(old, message) == in_javascript(old, [message])[0]


def test_a_new_decoder_reads_every_older_sender_by_the_lengths_of_its_time() -> None:
    grown = ["battery_v@0 c12@0", "temperature@1", "humidity@2", "pressure@3"]
    newest = profile(" ".join(grown), "short=battery_v full=pressure")
    values = {"battery_v": 2.4, "c12": 33, "temperature": 1.5, "humidity": 20.5, "pressure": 1013.5}
    for revisions in range(1, 5):
        channels = " ".join(grown[:revisions])
        sender = profile(channels, f"short=battery_v full={channels.split()[-1].split('@')[0]}")
        message = encode(sender, "full", {k: v for k, v in values.items() if k in {c.name for c in sender.channels}})
        got = decode(newest, message)
        assert got.values == {channel.name: values[channel.name] for channel in sender.channels}
        assert (got.record, got.warnings) == ("full", [])
        assert on_host(newest, message) == in_javascript(newest, [message])[0]


def test_revisions_after_the_third_share_its_code_and_are_told_apart_by_length() -> None:
    grown = "c12@0 c9@3 voc_index@4 temperature@5"
    newest = profile(grown, "full=temperature")
    third, fifth = profile("c12@0 c9@3", "full=c9"), profile(grown, "full=temperature")
    old, new = encode(third, "full", {"c12": 7, "c9": 8}), encode(fifth, "full", {"c12": 7, "c9": 8, "temperature": 4})
    assert old[0] == new[0]
    assert decode(newest, old).values == {"c12": 7, "c9": 8}
    assert decode(newest, new).values == {"c12": 7, "c9": 8, "voc_index": None, "temperature": 4}
    assert (decode(third, new).values, len(decode(third, new).warnings)) == ({"c12": 7, "c9": 8}, 1)


def test_codes_without_a_meaning_are_missing_with_a_warning() -> None:
    mode = '[channel.phase]\ntitle = "x"\nstates = ["a", "b", "c"]\nmissing = true\nbits = 3\n'
    marks = '[channel.marks]\ntitle = "x"\nflags = ["p", "q"]\nbits = 4'
    model = profile("phase@0 marks@0 voc_index@0", "full=voc_index", mode + marks)
    got = decode(model, encode(model, "full", {"phase": None, "marks": ["q"]}))
    assert got.values == {"phase": None, "marks": ["q"], "voc_index": None}
    body = 5 << 17 | 0b1110 << 13 | 501 << 4  # phase 5, marks 14, VOC index 501, 4 bits of padding
    message = bytes([0xF0, 200]) + body.to_bytes(3, "big")
    got = decode(model, message)
    assert got.values == {"phase": None, "marks": ["q"], "voc_index": None}
    assert got.warnings == [
        "own: phase: code 5 is reserved and was read as missing",
        "own: marks: code 14 sets reserved flags, which were ignored",
        "own: voc_index: code 501 is reserved and was read as missing",
    ]
    assert on_host(model, message) == in_javascript(model, [message])[0]


OWN = profile("c12@0 c9@1 c6@3 c4@4", "a=c12 b=c4")


@pytest.mark.parametrize("model", [*map(load_profile, profile_names()), OWN], ids=lambda model: model.name)
def test_random_bytes_raise_nothing_but_codec_errors_and_javascript_says_the_same(model: Profile) -> None:
    rng = random.Random(7)
    sizes = sorted(length + stamp for length in {n for layout in model.layouts for n in layout} for stamp in (0, 5))
    head = write_head(model.number, model.version, 0)
    messages = [rng.randbytes(rng.randrange(24)) for _ in range(1500)]
    for _ in range(4500):
        body = rng.randbytes(rng.choice((*sizes, rng.randrange(24))))
        start = bytes([head[0] | rng.randrange(4)]) + head[1:]
        messages.append((start + body[len(start) :])[: max(1, len(body))])
    results = [on_host(model, message) for message in messages]
    assert results == in_javascript(model, messages)
    assert sum(not result["errors"] for result in results) > 300  # the fuzz gets past the checks too


@pytest.mark.parametrize(
    ("record", "values", "more", "word"),
    [
        ("state", {"state": "free"}, {}, "cause has no code for missing"),
        ("state", {"state": "asleep", "cause": 0}, {}, "one of free, occupied, unsure, fault"),
        ("full", {"state": 0, "cause": 0, "battery_v": 4.51}, {}, "give 2.0 to 4.48 V"),
        ("full", {"state": 0, "cause": 0, "temperature": float("inf")}, {}, "out of its range"),
        ("full", {"state": 0, "cause": 0, "temperature": "warm"}, {}, "not a number"),
        ("core", {"state": 0, "cause": 0}, {}, "take one of state, full"),
        ("state", {"state": 0, "cause": 0, "colour": 1}, {}, "has no channel 'colour'"),
        ("state", {"state": 0, "cause": 0}, {"trust": Trust.STAMPED}, "needs a stamp"),
        ("state", {"state": 0, "cause": 0}, {"trust": Trust.STAMPED, "stamp": 2**32}, "needs a stamp"),
        ("state", {"state": 0, "cause": 0}, {"trust": Trust.STAMPED, "stamp": 1, "seq": 128}, "give 0 to 127"),
        ("state", {"state": 0, "cause": 0}, {"stamp": 1}, "neither stamp nor repeat"),
        ("state", {"state": 0, "cause": 0}, {"repeat": True}, "neither stamp nor repeat"),
    ],
)
def test_the_host_encoder_refuses_what_a_message_cannot_say(record: str, values: dict, more: dict, word: str) -> None:
    with pytest.raises(CodecError, match=word):
        encode(PARKING, record, values, **more)


def batches(rng: random.Random, count: int) -> list[bytes]:
    """Frames of several messages, whole, of strangers among them, cut and damaged."""
    own = [bytes.fromhex("1004a1ec"), bytes.fromhex("1000"), bytes.fromhex("10146553f10005")]
    gap = bytes.fromhex("e00000000040")
    out = [b"\0", b"\0\0", b"\0\x02\x10", join([own[0], gap]), join([own[0], b"\x30\x00"])]
    for _ in range(count):
        frame = bytearray(join([rng.choice([*own, gap]) for _ in range(rng.randrange(1, 6))]))
        if rng.random() < 0.6:
            frame[rng.randrange(1, len(frame))] ^= 1 << rng.randrange(8)
        out.append(bytes(frame[: rng.randrange(1, len(frame) + 1)] if rng.random() < 0.3 else frame))
    return out


def test_a_batch_reads_the_same_everywhere_whole_or_damaged() -> None:
    messages = batches(random.Random(7), 3000)
    ours = [decode_uplink(PARKING, message) for message in messages]
    assert ours == in_javascript(PARKING, messages)
    assert sum(not answer["errors"] for answer in ours) > 500 and sum(bool(answer["errors"]) for answer in ours) > 500
    assert [member["profile"] for member in ours[3]["data"]["batch"]] == ["parking", "node"] and not ours[3]["warnings"]
    assert [member["profile"] for member in ours[4]["data"]["batch"]] == ["parking"]
    assert ours[4]["warnings"] == ["parking: the batch holds a message of profile number 3, which was left out"]


def test_what_goes_into_a_batch_comes_out_of_it() -> None:
    rng = random.Random(3)
    for _ in range(500):
        messages = [rng.randbytes(rng.randrange(1, 256)) for _ in range(rng.randrange(1, 8))]
        assert split(join(messages)) == messages
    with pytest.raises(CodecError, match="1 to 255 bytes"):
        join([bytes(256)])
    assert split(b"\x10\x00") == [b"\x10\x00"]
