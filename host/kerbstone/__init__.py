"""Kerbstone: host tools for street-side devices that run MicroPython."""

__version__ = "0.1.0"
