"""Frames FF H L SUM of the ultrasonic modules with a serial output: mm, high byte first, 9600 8N1.

SUM is the low byte of FF + H + L (A02YYUW, JSN-SR04T) or of H + L (AJ-SR04M): `head` is what the header adds to it.
"""

from micropython import const

NO_TARGET = const(0xFFFD)  # DFRobot SEN0754
INTERFERENCE = const(0xFFFE)  # another sensor of its kind nearby, DFRobot SEN0754


def parse_frame(buf, at=0, head=0xFF):
    """The 16-bit distance of the frame at buf[at:at + 4], in mm and not judged; -1 when header or sum is wrong."""
    high, low = buf[at + 1], buf[at + 2]
    if buf[at] != 0xFF or (head + high + low) & 0xFF != buf[at + 3]:
        return -1
    return high << 8 | low


class Framer:
    """Finds frames in a stream, through a window of four bytes that moves on by one.

    Four bytes that are a frame by chance must not swallow the real one that begins among them. So a frame found out of step
    reserves nothing; one that follows its predecessor does, but what overlaps it is held until its own successor is due, and
    counts when that one does not come.
    """

    def __init__(self, head=0xFF):
        self._head = head
        self._window = bytearray(4)
        self.reset()

    def reset(self):
        for i in range(4):
            self._window[i] = 0
        self._since = 0  # bytes since the last frame ended
        self._in_step = False  # that frame followed its predecessor
        self._held = -1  # a frame that overlaps it, found at _held_at
        self._held_at = 0

    def push(self, byte):
        """Takes the next byte; returns the distance when it completes a frame, else -1."""
        w = self._window
        w[0] = w[1]
        w[1] = w[2]
        w[2] = w[3]
        w[3] = byte
        since = self._since = min(self._since + 1, 255)
        mm = parse_frame(w, 0, self._head)
        # 511 mm is FF 01 FF FF for ever, which is as well FF FF 01 FF for a reader that is out of step: a high byte of FF
        # is only ever a code.
        if 0xFF00 <= mm < NO_TARGET:
            mm = -1
        if mm >= 0 and since < 4 and self._in_step:
            if self._held < 0:
                self._held, self._held_at = mm, since
            return -1
        if mm >= 0:
            self._in_step = since == 4
            self._since, self._held = 0, -1
        elif since == 4 and self._held >= 0:
            mm, self._held = self._held, -1
            self._since = 4 - self._held_at
            self._in_step = False
        return mm
