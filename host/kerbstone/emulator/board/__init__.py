"""The emulated board: a device's life, and the peripherals its firmware reaches through `machine`."""
