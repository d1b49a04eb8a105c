"""Keeps the parts of `nicgate up` alive, and ends them all.

start ──▶ ready ──▶ dead ──▶ (0.2 s, doubling to 5 s) ──▶ start
                      └──▶ the fifth time in 30 s: StartError
"""

import asyncio
import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGCHLD, Signals
from typing import Any

from gateway.embedded import processes
from gateway.embedded.processes import Command
from gateway.listening import StartError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds
_DEATHS, _WITHIN = 5, 30.0
# How long a part may find traces of its killed predecessor before that counts as its own death.
_BUSY_FOR = 10.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A process that is kept alive."""

    name: str
    command: Callable[[], Command]
    # Asked in a thread, with the process id.
    is_ready: Callable[[int], bool]
    # What to send when all is to end, and until which second of the stop to wait for it.
    stop: tuple[tuple[Signals, float], ...]
    # What it says when it died only because its killed predecessor has not ended yet.
    busy: re.Pattern[str] | None = None


class Patience:
    """How long a part stays down, and when it has died too often."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._pause = _FIRST_PAUSE

    def pause(self, *, lived: float, at: float) -> float | None:
        """Return the seconds to wait after a death, None after one too many."""
        self._deaths.append(at)
        if len(self._deaths) == _DEATHS and at - self._deaths[0] < _WITHIN:
            return None
        if lived >= _WITHIN:
            self._pause = _FIRST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause


class _Child:
    """A running process."""

    def __init__(self, command: Command) -> None:
        self._log = command.log
        self._since = processes.size(command.log)
        self.process: subprocess.Popen[bytes] = processes.spawn(command)
        self.ended = asyncio.Event()
        self.began = time.monotonic()

    def look(self) -> None:
        if self.process.poll() is not None:
            self.ended.set()

    @property
    def fate(self) -> str:
        return processes.describe(self.process.returncode)

    @property
    def lived(self) -> float:
        return time.monotonic() - self.began

    def last_lines(self) -> list[str]:
        return processes.last_lines(self._log, since=self._since)

    def rotate(self) -> None:
        processes.rotate(self._log)

    async def ended_within(self, seconds: float, *, unless: asyncio.Event) -> bool:
        # A hurry that has already come must not take away the last moments as well.
        events = (self.ended,) if unless.is_set() else (self.ended, unless)
        waits = {asyncio.create_task(event.wait()) for event in events}
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self.ended.is_set()


@dataclass(eq=False)
class _Kept:
    part: Part
    child: _Child | None = None
    was_ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] = field(init=False)


class Supervisor:
    """The parts that run; `say` hears of every death and every return."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._kept: list[_Kept] = []
        self._children: set[_Child] = set()
        self._hurry = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(SIGCHLD, self._look)

    async def start(self, part: Part) -> None:
        """Keep a part alive from now on; return once it was ready. Raises StartError."""
        kept = _Kept(part)
        self._kept.append(kept)
        kept.keeper = asyncio.create_task(self._keep(kept))
        ready = asyncio.create_task(kept.was_ready.wait())
        try:
            await self._unless_one_fails(ready)
        finally:
            ready.cancel()

    async def watch(self) -> None:
        """Return never. Raises StartError when a part has died too often."""
        while True:
            await self._unless_one_fails(asyncio.create_task(asyncio.sleep(60)))
            for child in self._children:
                child.rotate()

    async def run(self, command: Command) -> list[str]:
        """Run a command to its end and return its last lines if it failed, else nothing."""
        child = self._spawn(command)
        try:
            await child.ended.wait()
        finally:
            if child.process.poll() is None:
                # With what it has started: it leads a session.
                os.killpg(child.process.pid, Signals.SIGKILL)
                child.process.wait()
        return (child.last_lines() or [child.fate]) if child.process.returncode else []

    async def stop(self) -> None:
        """End every part, in the order of their last moments, within ten seconds."""
        began = time.monotonic()
        keepers = [kept.keeper for kept in self._kept]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for kept in sorted(self._kept, key=lambda kept: kept.part.stop[-1][1]):
            if kept.child:
                await self._end(kept.child, kept.part, began)

    def hurry(self) -> None:
        """Make a stop that is under way wait for nobody."""
        self._hurry.set()

    async def _unless_one_fails(self, awaited: asyncio.Future[Any]) -> None:
        keepers = {kept.keeper for kept in self._kept}
        done, _ = await asyncio.wait({awaited, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        for keeper in keepers & done:
            keeper.result()

    async def _keep(self, kept: _Kept) -> None:
        patience = Patience()
        busy_since: float | None = None
        died: float | None = None
        while True:
            child = kept.child = self._spawn(kept.part.command())
            if await self._becomes_ready(kept.part, child):
                if died:
                    self._say(f"{kept.part.name} is back after {time.monotonic() - died:.1f} s")
                kept.was_ready.set()
                busy_since = died = None
            await child.ended.wait()
            now = time.monotonic()
            died = died or now
            if self._is_busy(kept.part, child):
                busy_since = busy_since or now
                if now - busy_since < _BUSY_FOR:
                    await asyncio.sleep(0.1)
                    continue
            await self._mourn(kept.part, child, patience)

    async def _mourn(self, part: Part, child: _Child, patience: Patience) -> None:
        pause = patience.pause(lived=child.lived, at=time.monotonic())
        if pause is None:
            lines = "\n".join(f"  {line}" for line in child.last_lines())
            raise StartError(
                f"{part.name} ended {_DEATHS} times within {_WITHIN:.0f} s, at last with "
                f"{child.fate} and these lines:\n{lines}"
            )
        self._say(f"{part.name} ended ({child.fate}); starting it again in {pause:.1f} s")
        await asyncio.sleep(pause)

    async def _becomes_ready(self, part: Part, child: _Child) -> bool:
        while not child.ended.is_set():
            if await asyncio.to_thread(part.is_ready, child.process.pid):
                break
            await asyncio.sleep(0.015)
        return not child.ended.is_set()

    @staticmethod
    def _is_busy(part: Part, child: _Child) -> bool:
        if part.busy is None or child.process.returncode < 0:
            return False
        return part.busy.search("\n".join(child.last_lines())) is not None

    async def _end(self, child: _Child, part: Part, began: float) -> None:
        for stop_signal, until in part.stop:
            child.process.send_signal(stop_signal)
            left = 0.0 if self._hurry.is_set() else began + until - time.monotonic()
            if await child.ended_within(max(left, 0.3), unless=self._hurry):
                return
        child.process.kill()
        child.process.wait()

    def _spawn(self, command: Command) -> _Child:
        child = _Child(command)
        self._children = {known for known in self._children if not known.ended.is_set()} | {child}
        child.look()
        return child

    def _look(self) -> None:
        for child in self._children:
            child.look()
