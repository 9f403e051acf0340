"""What goes wrong between a computer and a board, by the words that tell of it, and what to do about each.

Collected from the issue threads of esptool (#227, #893, #922, #998), micropython (#8002, #13504, #16142) and arduino-pico (#668, #1794);
words of esptool 5.6, pyserial 3.5, mpremote 1.29, Linux.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kerbstone.errors import FlashError


@dataclass(frozen=True)
class Trouble:
    """`again`: another attempt, slower, may do."""

    kind: str
    words: str  # regular expression over what the tools said, lower case
    reason: str
    cure: str
    again: bool = False


TROUBLES = (
    Trouble("permission", r"permission denied|errno 13|may not open it", "this user may not open the port",
            "add the user to the group that owns it (`sudo usermod -aG dialout $USER`) and log in again"),
    Trouble("missing", r"no such file or directory|filenotfounderror|no such port|is not connected|does not exist",
            "there is no such port", "plug the board in, with a cable that carries data: many only charge"),
    Trouble("busy", r"resource temporarily unavailable|could not exclusively lock|port is busy|resource busy|another program has it",
            "another program has the port open", "close it (a terminal, mpremote, a second kerbstone) and run the command again"),
    Trouble("wrong-chip", r"this chip is (\S+), not (\S+)\. wrong chip", "it is another chip than the node is for",
            "take the board the node file names, or the node of this board"),
    Trouble("image-chip", r"is not an? \S+ image|unexpected chip id", "the MicroPython image is for another chip",
            "take the image of this board from micropython.org"),
    Trouble("too-large", r"will not fit in|does not fit", "the image is larger than the board's flash", "take the image of this board"),
    Trouble("boot-mode", r"wrong boot mode detected", "the chip runs its program and is not in download mode",
            "hold BOOT, press and release EN or RESET, let go of BOOT, and run the command again"),
    Trouble("deaf", r"serial tx path seems to be down", "the board answers and hears nothing",
            "check the wire from the computer's TX to the board's RX, or take another bridge"),
    Trouble("no-flash", r"failed to communicate with the flash chip|flash id.*(0xffffff|0x000000)", "the flash chip does not answer",
            "take another board: its flash or its supply is bad"),
    Trouble("bad-flash", r"does not match data in flash|verification failed|digest mismatch|md5 of file|flash does not keep",
            "the flash does not keep what is written", "take another board: its flash is worn or its supply sags", again=True),
    Trouble("unplugged", r"input/output error|disconnected|write failed|read failed: \[errno 5|multiple access on port|reports readiness",
            "the board went away in the middle", "plug it in again, check cable and supply, and run the command again", again=True),
    Trouble("corrupt", r"data stream stopped|no more data|stopped responding|transfer stopped|invalid head|corrupt data|timed out waiting",
            "bytes were lost on the way", "use a shorter cable, no hub, and run the command again", again=True),
    Trouble("no-answer", r"no serial data received|failed to connect", "nothing answers on the port",
            "check the cable; then hold BOOT, press and release EN or RESET, let go of BOOT, and run the command again", again=True),
    Trouble("no-prompt", r"no micropython prompt|could not enter raw repl", "MicroPython runs something that does not let go of its prompt",
            "press reset and run the command again; a locked board opens with `kerbstone wipe`, others with MicroPython flashed anew"),
)


def recognise(said: str) -> Trouble | None:
    """The first row whose words are in what a tool said."""
    low = said.lower()
    return next((row for row in TROUBLES if re.search(row.words, low)), None)


def sentence(said: str) -> str:
    """Reason and cure, or the tool's own last words."""
    if row := recognise(said):
        return f"{row.reason}: {row.cure}."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    said_last = f"the tool says {lines[-1][:160]!r}" if lines else "the tool ended without a word"
    return f"{said_last}: run `kerbstone doctor`."


class Refused(FlashError):
    """A board that fails, with the row of the table where there is one."""

    def __init__(self, said: str):
        super().__init__(sentence(said))
        self.trouble = recognise(said)
