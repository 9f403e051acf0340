"""The process of the embedded broker: `python -m kerbstone.listen.broker_process PORT` (0: any free one).

Writes its port as a line, serves until its standard input closes, and ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class OpenDoor(BaseAuthPlugin):
    """Lets everyone in.

    amqtt's own plugin for that marks the session anonymous, and amqtt then throws it away a second after the connection ends:
    nothing would be kept for a sleeping device.
    """

    async def authenticate(self, *, session: Session) -> bool:
        return True


async def serve(port: int) -> None:
    """Serves on 127.0.0.1 until standard input closes."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"kerbstone.listen.broker_process.OpenDoor": {}},
        }
    )
    await broker.start()
    server = broker._servers["default"].instance  # the only place that knows which port a 0 became
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # Standard input is a pipe that nobody writes to: reading it returns when the other side is gone.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await broker.shutdown()


def main() -> None:
    # amqtt reports every disconnection of a device as a warning; a device may come and go as it likes.
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
