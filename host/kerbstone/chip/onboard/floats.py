"""The arithmetic that matters, printed as `float NAME VALUE`: run by the chip (32 bits) and by the unix port (64 bits).

Only the width of a float differs between the two, so the difference is what 32 bits cost.
"""


def show(name, value):
    print("float", name, "%.9g" % value)


def sun():
    from kerb.apps.algo import sun

    # Days since 1970: an equinox, both solstices, and one far ahead; places: Greensboro, Hammerfest in autumn, Quito.
    for day in (20533, 20624, 20808, 25000):
        for place, lat, lon in (("greensboro", 36.1, -79.95), ("quito", -0.2, -78.5)):
            for rising in (True, False):
                show("sun_s/%s/%d/%d" % (place, day, rising), sun.crossing(day, lat, lon, sun.SUNRISE, rising)[1])
    show("sun_s/hammerfest/20533/1", sun.crossing(20533, 70.66, 23.68, sun.CIVIL, True)[1])


def sound():
    from kerb.apps.algo import sound

    for temp in (-20, -0.5, 0, 15, 30, 45):
        show("sound_mm/%s" % temp, sound.echo_mm(20000, temp, 60))


def bme280():
    from kerb.drivers import bme280

    # Trimming values of the data sheet's worked example, as the virtual part has them.
    cal = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000, 75, 355, 0, 333, 0, 30)
    for adc in ((519888, 415148, 28000), (400000, 350000, 22000), (620000, 480000, 36000)):
        for name, value in zip(("temp_c", "pressure_pa", "rh_pct"), bme280.compensate(cal, *adc)):
            show("bme280_%s/%d" % (name, adc[0]), value)


def gas_index():
    from kerb.apps.algo import gas_index

    for name, kind, centre in (("voc", gas_index.VOC, 30000), ("nox", gas_index.NOX, 15000)):
        index = gas_index.GasIndex(kind, 10)
        # Half an hour of slow swing with a step in the middle.
        for i in range(180):
            index.process(centre + (i * 37) % 101 - 50 - (400 if 90 <= i < 120 else 0))
            if i % 30 == 29:
                show("gas_index_%s/%d" % (name, i), index.index)


def run():
    sun()
    sound()
    bme280()
    gas_index()
