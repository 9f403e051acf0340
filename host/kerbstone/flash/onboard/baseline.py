# Runs on the board: the field of an empty bay, by the node's own magnetometer. Prints one line of JSON: mean of each axis (uT),
# the largest spread of one (uT), temperature (degC) or null. `name` and `count` are defined before it.
import json
import time

from kerb import config
from kerb.parts import Part

_FAULT = 3

driver = Part(name, config.load()["parts"][name]).build()
sums, low, high, temp = [0.0] * 3, [1e9] * 3, [-1e9] * 3, None
try:
    for _ in range(count):
        driver.start()
        time.sleep_ms(driver.WARM_UP_MS)
        reading = driver.measure({})
        if reading["quality"] == _FAULT:
            raise ValueError("%s gives readings marked as faults" % name)
        for i, axis in enumerate(("bx_ut", "by_ut", "bz_ut")):
            sums[i] += reading[axis]
            low[i], high[i] = min(low[i], reading[axis]), max(high[i], reading[axis])
        temp = reading.get("chip_temp_c", temp)
        time.sleep_ms(100)
finally:
    driver.sleep()
print(json.dumps([[s / count for s in sums], max([high[i] - low[i] for i in range(3)]), temp]))
