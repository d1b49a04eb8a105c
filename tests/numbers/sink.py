"""An SMTP server that takes everything and keeps count: `python sink.py`, its port on stdout.

XSTAT answers with what it has seen, as JSON.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from typing import ClassVar


@dataclass
class Seen:
    """What came: messages, different ones by Message-ID, connections in all and at once."""

    messages: int = 0
    ids: set[bytes] = field(default_factory=set)
    connections: int = 0
    open: int = 0
    most_open: int = 0

    def told(self) -> str:
        return json.dumps(asdict(self) | {"ids": len(self.ids)})


class Dialogue(asyncio.Protocol):
    """One connection."""

    seen: ClassVar[Seen] = Seen()

    def connection_made(self, transport) -> None:
        self.transport, self.rest, self.in_data = transport, b"", False
        self.served = False
        transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, _fault) -> None:
        self.seen.open -= self.served

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while self.rest:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            found, separator, rest = self.rest.partition(end)
            if not separator:
                return
            self.rest = rest
            if self.in_data:
                self._take(found)
            else:
                self._answer(found)

    def _take(self, message: bytes) -> None:
        self.in_data = False
        self.seen.messages += 1
        self.seen.ids.add(message.partition(b"Message-ID:")[2].partition(b"\r\n")[0].strip())
        self.transport.write(b"250 taken\r\n")

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._serve()
            self.transport.write(b"250-sink\r\n250 PIPELINING\r\n")
        elif verb == b"DATA":
            self.in_data = True
            self.transport.write(b"354 go on\r\n")
        elif verb == b"XSTA":
            self.transport.write(f"250 {self.seen.told()}\r\n".encode())
        elif verb == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"250 ok\r\n")

    def _serve(self) -> None:
        # Whoever only asks for the figures is none of them.
        if not self.served:
            self.served = True
            self.seen.connections += 1
            self.seen.open += 1
            self.seen.most_open = max(self.seen.most_open, self.seen.open)


async def serve() -> None:
    listening = await asyncio.get_running_loop().create_server(Dialogue, "127.0.0.1", 0)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
