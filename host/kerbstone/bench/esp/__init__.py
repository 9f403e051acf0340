"""A virtual ESP32 or ESP32-S3: ROM loader, flasher stub, serial flash, boot chain.

Sources, by the names used in the comments: [esptool] Espressif's serial protocol as `esptool` 5.6 speaks it on the wire;
[TRM] the chip's technical reference manual; [IDF] messages of ESP-IDF's second-stage bootloader; [K] from experience, unconfirmed.
"""
