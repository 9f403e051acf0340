"""A whole emulated RP2040 that runs a stock MicroPython image: the judge of 32-bit arithmetic, heap and timing.

Where the unix port shows that the firmware is right, this shows that it is right on the chip: the real port's `machine`,
floats of 32 bits, the heap a board leaves, littlefs in flash, deep sleep that ends in a reset. Computing is some 25 times
slower than on silicon; waiting costs nothing.
"""
