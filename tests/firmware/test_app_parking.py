"""Parking: what one car, its neighbours, the weather, a tram and a bad start do to the state of the bay."""

import random

import pytest
from app_runs import check_effects, new_app, plain, play, play_on_micropython, reports
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.clock import Instant
from kerb.errors import ConfigError

PARTS = {"mag": {"baseline", "threshold_ut"}}
EARTH = (17.0, -11.0, -44.0)
CAR = (12.0, -20.0, 18.0)  # 30 uT
DRIFT = (0.25, -0.2, 0.3)  # uT/K


class Bay:
    """Feeds the application bursts of a steady field, as the node does, and keeps what it says."""

    def __init__(self, **app_settings):
        self.settings = app_settings
        self.app = new_app("parking", app_settings)
        self.mono = 100
        self.reports: list = []
        self.sets: dict = {}
        self.rng = random.Random(1)

    def sample(self, field, temp=20.0, **more):
        noisy = [b + self.rng.gauss(0, 0.5) for b in field]
        sample = {"bx_ut": noisy[0], "by_ut": noisy[1], "bz_ut": noisy[2], "chip_temp_c": temp, "quality": 0, **more}
        effects = self.app.step(sample, Instant(self.mono, None))
        check_effects("parking", effects, PARTS)
        self.reports += reports([effects])
        self.sets |= {e[2]: e[3] for e in effects if e[0] == "set"}
        return next((e[2] for e in effects if e[0] == "again"), None)

    def settle(self, *fields, temp=20.0, after=3600, **more):
        """A wake `after` seconds later, first with the fields of a car on its way, then with the last one until it rests."""
        self.mono += after
        wait = None
        for i in range(100):
            wait = self.sample(fields[min(i, len(fields) - 1)], temp, wake_pin=i == 0, **more)
            if wait is None:
                return self.state
            self.mono += wait // 1000
        raise AssertionError("the burst never ended")

    @property
    def state(self):
        return self.reports[-1][3]["state"]

    def changes(self):
        return [r[3]["state"] for r in self.reports if r[3]["cause"] == "event"]

    def events(self):
        return [(r[1], r[2], r[3]["state"], r[3]["cause"]) for r in self.reports]


def plus(*vectors):
    return tuple(sum(axis) for axis in zip(*vectors, strict=True))


def times(vector, factor):
    return tuple(v * factor for v in vector)


def test_power_on_takes_an_earthly_field_as_the_empty_bay_and_says_so_in_a_full_record():
    bay = Bay()
    assert bay.settle(EARTH, battery_v=3.6) == "free"
    assert bay.events() == [("full", 1, "free", "boot")]
    assert bay.reports[0][3]["battery_v"] == 3.6
    assert bay.reports[0][3]["temperature"] == 20.0


def test_a_car_comes_and_goes_and_the_sensor_is_armed_around_what_it_sees_each_time():
    bay = Bay()
    bay.settle(EARTH)
    assert bay.settle(plus(EARTH, times(CAR, 0.3)), plus(EARTH, times(CAR, 1.4)), plus(EARTH, CAR)) == "occupied"
    assert bay.sets["baseline"] == pytest.approx(plus(EARTH, CAR), abs=1.5)
    assert bay.sets["threshold_ut"] == pytest.approx(10, abs=1)  # half of the 20 uT on the strongest axis
    assert bay.settle(plus(EARTH, times(CAR, 0.8)), EARTH) == "free"
    assert bay.sets["baseline"] == pytest.approx(EARTH, abs=1.5)
    assert bay.sets["threshold_ut"] == 5
    assert bay.events()[1:] == [("state", 1, "occupied", "event"), ("state", 1, "free", "event")]


def test_what_only_passes_is_never_told_as_a_car():
    bay = Bay()
    bay.settle(EARTH)
    for size in (0.2, 0.5, 1.0):
        bay.settle(plus(EARTH, times(CAR, size)), plus(EARTH, times(CAR, -size)), EARTH)
    assert set(bay.changes()) <= {"unsure", "free"}
    assert bay.state == "free"


def test_neighbours_and_their_leaving_are_never_told_as_a_car():
    bay = Bay()
    bay.settle(EARTH)
    rng = random.Random(5)
    for _ in range(30):
        side = [rng.gauss(0, 1) for _ in range(3)]
        bay.settle(plus(EARTH, times(side, 4 / sum(v * v for v in side) ** 0.5)))
    assert "occupied" not in bay.changes()


WEAK = (2.5, 2.0, 2.0)  # 3.8 uT, as much as a neighbour


def test_a_weak_car_that_was_strong_while_it_rolled_in_and_out_is_told_at_once():
    bay = Bay()
    bay.settle(EARTH)
    assert bay.settle(plus(EARTH, CAR), plus(EARTH, WEAK)) == "occupied"
    assert bay.settle(plus(EARTH, WEAK), plus(EARTH, CAR), EARTH) == "free"
    assert bay.changes() == ["occupied", "free"]


def test_a_weak_car_whose_strongest_moment_was_missed_is_unsure_first_and_decided_by_the_second_look():
    bay = Bay()
    bay.settle(EARTH)
    faint = plus(EARTH, times(CAR, 0.3))  # 9 uT, which a lorry has as well
    assert bay.settle(faint, plus(EARTH, WEAK)) == "occupied"
    assert bay.settle(plus(EARTH, WEAK), faint, EARTH) == "free"
    assert bay.changes() == ["unsure", "occupied", "unsure", "free"]
    assert [r[3]["quality"] for r in bay.reports if r[3]["state"] == "unsure"] == [1, 1]
    assert bay.settle(faint, EARTH) == "free"
    assert len(bay.changes()) == 4


def test_a_car_that_passed_its_strongest_moment_before_the_first_sample_was_seen_by_the_earlier_looks():
    bay = Bay()
    bay.settle(EARTH)
    assert bay.settle(plus(EARTH, WEAK)) == "free"
    bay = Bay()
    bay.settle(EARTH)
    looks = [(*plus(EARTH, times(CAR, share)), 20.0) for share in (0.4, 1.0, 0.3)]
    bay.mono += 3600
    while bay.sample(plus(EARTH, WEAK), earlier=looks):
        looks = []
    assert bay.changes() == ["occupied"]


def test_what_the_witness_answers_to_the_second_look_overturns_it():
    bay = Bay()
    bay.settle(EARTH)
    for _ in range(3):
        for rssi, field in ((-102, plus(EARTH, CAR)), (-90, EARTH)):
            bay.settle(field)
            bay.app.step({"rssi_db": rssi, "quality": 0}, Instant(bay.mono + 1, None))
    assert bay.settle(plus(EARTH, times(CAR, 0.3)), plus(EARTH, WEAK)) == "occupied"  # nobody heard the first question
    told = reports([bay.app.step({"rssi_db": -89, "quality": 0}, Instant(bay.mono + 2, None))])
    assert [r[3]["state"] for r in told] == ["free"]
    assert not reports([bay.app.step({"rssi_db": -101, "quality": 0}, Instant(bay.mono + 9, None))])


def test_the_witness_decides_at_once_when_the_field_is_unsure_and_is_not_heard_when_it_is_sure():
    bay = Bay()
    bay.settle(EARTH, rssi_db=-90)
    assert bay.settle(plus(EARTH, CAR), rssi_db=-102) == "occupied"
    assert bay.settle(EARTH, rssi_db=-101) == "free"  # a link that lies changes nothing
    bay.settle(EARTH, rssi_db=-90)
    seen = len(bay.changes())
    assert bay.settle(plus(EARTH, CAR), plus(EARTH, WEAK), rssi_db=-103) == "occupied"
    assert bay.settle(plus(EARTH, WEAK), plus(EARTH, CAR), plus(EARTH, (1.5, 1, 1)), rssi_db=-89) == "free"
    assert bay.settle(plus(EARTH, CAR), plus(EARTH, WEAK), rssi_db=-88) == "free"  # what rolled over the sensor went on
    assert bay.changes()[seen:] == ["occupied", "free"]


def test_the_answer_to_an_unsure_report_decides_it():
    bay = Bay()
    bay.settle(EARTH)
    for _ in range(3):
        for rssi, field in ((-102, plus(EARTH, CAR)), (-90, EARTH)):
            bay.settle(field)
            bay.app.step({"rssi_db": rssi, "quality": 0}, Instant(bay.mono + 1, None))
    bay.mono += 3600
    while bay.sample(plus(EARTH, CAR if bay.app._burst.samples < 3 else WEAK)) == 50:
        pass
    assert bay.state == "unsure"
    told = reports([bay.app.step({"rssi_db": -101, "quality": 0}, Instant(bay.mono + 2, None))])
    assert [r[3]["state"] for r in told] == ["occupied"]


def test_a_weak_step_without_a_car_rolling_over_is_believed_only_when_it_is_still_there_later():
    bay = Bay()
    bay.settle(EARTH)
    weak = plus(EARTH, (5.2, 5.2, 5.2))  # 9 uT
    past = plus(EARTH, (8.0, 8.0, 5.0))
    started = bay.mono + 3600
    assert bay.settle(past, weak) == "occupied"
    assert 45 <= bay.mono - started < 60
    bay = Bay()
    bay.settle(EARTH)
    assert bay.settle(past, *[weak] * 3, EARTH) == "free"
    assert not bay.changes()


def test_a_strong_neighbour_who_only_comes_nearer_is_no_car_and_does_not_become_one_later():
    bay = Bay(still_ut=2.5)  # the noise here is 0.5 uT an axis
    bay.settle(EARTH)
    beside = plus(EARTH, (5.0, 6.0, 6.0))  # 9.8 uT
    bay.settle(plus(EARTH, (2.0, 2.5, 2.5)), beside)
    for _ in range(5):
        bay.settle(plus(beside, (3.0, 3.0, 3.0)), beside)  # lorries
    bay.settle(EARTH)
    assert not bay.changes()
    assert bay.settle(plus(EARTH, times(CAR, 1.4)), plus(EARTH, CAR)) == "occupied"


def test_the_drift_of_a_hot_day_is_followed_and_then_predicted_under_a_parked_car():
    bay = Bay()
    for i in range(40):
        temp = 20 + (i % 8) * 4.0
        bay.settle(plus(EARTH, times(DRIFT, temp - 20)), temp=temp)
    assert not bay.changes()
    cold, hot = plus(EARTH, times(DRIFT, 0)), plus(EARTH, times(DRIFT, 40))
    bay.settle(cold, temp=20)
    assert bay.settle(plus(cold, CAR), temp=20) == "occupied"
    # 40 K and 17.5 uT later the car leaves: farther than the threshold from where the empty field was.
    assert bay.settle(plus(hot, CAR), temp=60) == "occupied"
    assert bay.settle(hot, temp=60) == "free"


def test_something_on_the_sensor_at_power_on_makes_the_bay_unsure_until_it_has_gone():
    bay = Bay()
    assert bay.settle((80.0, 60.0, -90.0)) == "unsure"
    assert bay.settle((80.0, 60.0, -90.0)) == "unsure"
    assert bay.settle(EARTH) == "free"
    assert bay.settle(plus(EARTH, CAR)) == "occupied"


def test_a_node_told_that_a_car_stands_there_finds_the_empty_field_when_it_leaves():
    bay = Bay(assume="occupied")
    assert bay.settle(plus(EARTH, CAR)) == "occupied"
    assert bay.settle(EARTH) == "free"


def test_a_baseline_taken_under_a_car_heals_when_the_same_field_has_come_back_three_times():
    bay = Bay()
    assert bay.settle(plus(EARTH, CAR)) == "free"  # wrong, and it cannot know
    rng, states = random.Random(3), []
    for _ in range(4):
        states.append(bay.settle(EARTH))
        other = [rng.gauss(0, 20) for _ in range(3)]
        states.append(bay.settle(plus(EARTH, other, (15, 15, 15))))
    assert states[:6] == ["occupied"] * 6
    assert states[6:] == ["free", "occupied"]


def test_cars_that_park_alike_do_not_take_over_the_baseline():
    bay = Bay()
    bay.settle(EARTH)
    for _ in range(10):
        assert bay.settle(plus(EARTH, CAR)) == "occupied"
        assert bay.settle(EARTH) == "free"


def test_a_field_that_never_rests_ends_the_burst_keeps_the_state_and_is_watched_less_closely():
    bay = Bay(burst_max=60)
    bay.settle(EARTH)
    restless = [plus(EARTH, times(CAR, 0.25 * (i // 8 % 2))) for i in range(80)]
    assert bay.settle(*restless) == "free"
    assert bay.sets["threshold_ut"] == 10
    assert not bay.changes()


def test_a_silent_sensor_is_asked_three_times_then_a_fault_and_its_return_an_event():
    bay = Bay()
    bay.settle(EARTH)
    effects = play("parking", {}, [({"quality": 3}, 100 + i, None) for i in range(5)])
    assert [len([e for e in step if e[0] == "again"]) for step in effects] == [1, 1, 0, 0, 0]
    for _ in range(3):
        bay.mono += 1
        bay.app.step({"quality": 3}, Instant(bay.mono, None))
    assert bay.settle(EARTH) == "free"
    assert bay.reports[-1][3]["cause"] == "event"


def test_a_failed_battery_reading_is_no_fault_of_the_bay():
    bay = Bay()
    bay.settle(EARTH)
    bay.app.step({"quality": 3}, Instant(bay.mono + 1, None))
    bay.settle(EARTH)
    assert not bay.changes()


def test_a_heartbeat_every_six_hours_and_a_boot_report_after_a_power_cycle():
    bay = Bay()
    for _ in range(25):
        bay.settle(EARTH, after=3600)
    assert [e[3] for e in bay.events()] == ["boot"] + ["heartbeat"] * 4
    bay.mono = 5
    bay.settle(EARTH, after=0)
    assert bay.events()[-1] == ("full", 1, "free", "boot")


def test_a_setting_nobody_knows_is_refused_by_name():
    with pytest.raises(ConfigError, match="treshold"):
        new_app("parking", {"treshold": 5})


def stream(seed: int, count: int) -> list:
    """Cars, silence, faults, missing values, power cycles, as no real bay would send them."""
    rng = random.Random(seed)
    mono, steps, car = 0, [], (0.0, 0.0, 0.0)
    for _ in range(count):
        kind = rng.random()
        mono += rng.choice((1, 1, 1, 1, 45, 600, 21_600))
        if kind < 0.08:
            car = rng.choice(((0.0, 0.0, 0.0), tuple(rng.gauss(0, 15) for _ in range(3)), (900.0, 0.0, 0.0)))
        if kind < 0.02:
            mono = rng.randint(0, 10)
        if kind > 0.95:
            steps.append((rng.choice(({"quality": 3}, {"quality": 0, "battery_v": rng.uniform(0, 5)})), mono, None))
            continue
        field = [e + c + rng.gauss(0, 0.9) for e, c in zip(EARTH, car, strict=True)]
        sample = {"bx_ut": field[0], "by_ut": field[1], "bz_ut": field[2], "quality": rng.choice((0, 0, 0, 1)), "wake_pin": kind > 0.7}
        if kind > 0.9:
            sample["earlier"] = [tuple(b + rng.gauss(0, 5) for b in field) for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.9:
            sample["chip_temp_c"] = rng.uniform(-40, 85)
        steps.append((sample, mono, rng.choice((None, 1_762_000_000 + mono))))
    return steps


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(({}, {"assume": "occupied"}, {"block": 1, "steady_ut": 4.0, "burst_max": 5})))
def test_the_state_survives_deep_sleep_at_any_step_and_every_effect_is_well_formed(seed, given_settings):
    steps = stream(seed, 150)
    whole = play("parking", given_settings, steps)
    for effects in whole:
        check_effects("parking", effects, PARTS)
    assert play("parking", given_settings, steps, repack=True) == whole


def test_micropython_says_the_same_in_3000_steps():
    steps = stream(11, 3_000)
    quick = {"block": 1, "steady_ut": 4.0}
    ours = plain(play("parking", quick, steps))
    assert sum(e[0] == "report" for step in ours for e in step) > 100
    assert plain(play_on_micropython("parking", quick, steps, repack=True)) == ours
