"""Packet layout and operation numbers shared with `shims/_link.py`."""

from __future__ import annotations

from struct import Struct

REQUEST = Struct("<BBHIH")  # op, a, b, debt us, payload length
REPLY = Struct("<BBHiQQIi")  # errno, interrupts pending, payload length, value, now us, horizon us, question, answer
ROOM = 1024
POSTED = 128  # of an op: no reply is wanted

NOW = 1
SLEEP = 2
CALL = 4
PIN_GET = 5
PIN_SET = 6
I2C_WRITE = 7
I2C_READ = 8
I2C_MEM = 9
SPI = 10
UART_WRITE = 11
UART_READ = 12
UART_ANY = 13
FLASH_WRITE = 14
FLASH_ERASE = 15
SOCK_SEND = 16
SOCK_RECV = 17
ADC = 18
PULSE = 19
FLASH_READ = 20  # of the common beginning: by the mount (a = 1), block, offset, size; no answer
DIVERGE = 21  # its end; a = 1: it writes to the flash
PIN_SETUP = 22

KEYBOARD = 255  # errno of a reply: Ctrl-C was pressed on the console

# Modes of SLEEP
MODE_BUSY = 0
MODE_IDLE = 1
MODE_LIGHT = 2
MODE_DEEP = 3
MODE_RESET = 4
MODE_POLL = 5
MODE_GONE = 6
MODE_SOFT_RESET = 7
