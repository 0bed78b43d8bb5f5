"""Processes that train together: what they tell each other besides what their devices exchange.

Process 0 decides whatever must be the same everywhere (where to resume, how many steps, how many in a dispatch, when to stop) and
alone writes. Each of the others holds a connection to it. `gather` is all that a training needs: everybody's values, everywhere,
and nobody goes on before all have come. When a process ends with an error, the others raise the same; when one dies or falls
silent, they end within a bounded time, even where their devices wait for it for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from drumjax.boundary import InputError
from drumjax.train.endings import STOPPED, Ended
from drumjax.train.logs import say

Json = Any
SILENCE_SECONDS = 60.0
"""A process that is not heard of for so long counts as lost."""
GRACE_SECONDS = 4.0
"""So long the main thread has to end by itself after another process has ended; it may be inside a dispatch that never returns."""
MESSAGE_BYTES = 1 << 20
"""The longest message; a value that processes share is a few hundred bytes."""


class Elsewhere(Ended):
    """Another process of the training ended early, and so this one does, with the same code.

    Attributes:
      process: which.
      code: its exit code; 75 where it died without a word: the last checkpoint is good, and all can be started again.
    """

    def __init__(self, process: int, code: int, text: str) -> None:
        self.process, self.code = process, code
        super().__init__(f"process {process}: {text}")


class Team:
    """One process's place among those that train together.

    A context: what is raised inside is told to the others, and what another process raised is raised here. At its end process 0
    waits until the others have gone, so that what they still want to hear reaches them.

    Args:
      index: of this process; process 0 decides and writes.
      count: how many there are.
      connections: process 0: `{process: connection}` to every other one; the others: `{0: connection}`.
      silence_seconds: see `SILENCE_SECONDS`.
    """

    def __init__(
        self,
        index: int = 0,
        count: int = 1,
        connections: Mapping[int, socket.socket] | None = None,
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.index, self.count, self.silence_seconds = index, count, silence_seconds
        self._connections = dict(connections or {})
        self._changed = threading.Condition()
        self._values: dict[int, deque[Json]] = {peer: deque() for peer in self._connections}
        self._heard = dict.fromkeys(self._connections, time.monotonic())
        self._sending = {peer: threading.Lock() for peer in self._connections}
        self._gone: set[int] = set()
        self._over = threading.Event()
        self._fallen: Elsewhere | None = None
        for peer, connection in self._connections.items():
            connection.settimeout(None)
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a short message does not wait for a longer one
            threading.Thread(target=self._listen, args=(peer,), daemon=True, name=f"drumjax-team-{peer}").start()
        if self._connections:
            threading.Thread(target=self._beat, daemon=True, name="drumjax-team-beat").start()

    # --- what a training asks -----------------------------------------------------------------------

    @property
    def is_first(self) -> bool:
        """Whether this is the process that decides and writes; true where one trains alone."""
        return self.index == 0

    def say(self, text: str) -> None:
        """A line for the user, once: process 0 says it."""
        if self.is_first:
            say(text)

    def gather(self, value: Json) -> list[Json]:
        """Everybody's values, in the order of the processes. Every process must ask, in the same order of questions.

        Args:
          value: whatever JSON can hold, of at most about a megabyte over all processes.

        Raises:
          Elsewhere: a process ended early, died or fell silent.
        """
        if self.count == 1:
            return [value]
        if not self.is_first:
            self._send(0, {"kind": "value", "value": value})
            return self._take(0)
        values = [value, *(self._take(peer) for peer in range(1, self.count))]
        for peer in self._connections:
            self._send(peer, {"kind": "value", "value": values})
        return values

    def first(self, make: Callable[[], Json]) -> Json:
        """What process 0 makes; the others wait for it, and for its error."""
        return self.gather(make() if self.is_first else None)[0]

    def agree(self, value: float) -> float:
        """Process 0's number."""
        return self.gather(value)[0]

    def check_same(self, what: Mapping[str, Json], remedy: str) -> None:
        """Whether all processes have the same.

        Raises:
          InputError: names what differs, in which process, and both values; in every process.
        """
        digests = self.gather(hashlib.sha256(json.dumps(what, sort_keys=True).encode("ascii")).hexdigest())
        odd = next((process for process, digest in enumerate(digests) if digest != digests[0]), None)
        if odd is None:
            return
        # The whole only of the two that differ: a configuration from each of a thousand processes would be no message.
        everybody = self.gather(dict(what) if self.index in (0, odd) else None)
        ours, theirs = everybody[0], everybody[odd]
        name = next(name for name in [*ours, *theirs] if ours.get(name) != theirs.get(name))
        found = f"{ours.get(name)!r} in process 0, {theirs.get(name)!r} in process {odd}"
        # Nobody ends before everybody knows: a process that heard first of the end of another would only repeat what that one said.
        with contextlib.suppress(Elsewhere):
            self.gather(None)
        raise InputError(name, rule="the same in every process", found=found, remedy=remedy)

    def leave(self, code: int, text: str) -> None:
        """Tells the others that this process ends now, and waits, a bounded time, until they have heard it."""
        self._tell({"kind": "ended", "process": self.index, "code": code, "text": text})
        self._close()

    # --- a context ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.count == 1:
            return
        if error is None:
            self._close()
            return
        if not isinstance(error, InputError | Ended | KeyboardInterrupt):
            # A collective that fails because a process is gone says less than that process did, or than the end of its connection.
            with self._changed:
                self._changed.wait_for(lambda: self._fallen is not None, timeout=3.0)
        fallen = self._fallen
        if fallen is None:
            stopped = "stopped by a signal" if isinstance(error, KeyboardInterrupt) else ""
            self.leave(code_of(error), str(error) or stopped or type(error).__name__)
            return
        self._close()
        if error is not fallen and not isinstance(error, InputError | Ended | KeyboardInterrupt):
            raise fallen from error

    # --- connections --------------------------------------------------------------------------------

    def _send(self, peer: int, message: Json) -> None:
        raw = json.dumps(message).encode("ascii") + b"\n"
        if len(raw) > MESSAGE_BYTES:
            raise ValueError(f"expected a message of at most {MESSAGE_BYTES} bytes, found {len(raw)}")
        with contextlib.suppress(OSError), self._sending[peer]:  # whoever listens to a lost peer notices that it is
            self._connections[peer].sendall(raw)

    def _tell(self, message: Json, but: int | None = None) -> None:
        for peer in self._connections:
            if peer != but and peer not in self._gone:
                self._send(peer, message)

    def _take(self, peer: int) -> Json:
        with self._changed:
            self._changed.wait_for(lambda: self._values[peer] or self._fallen is not None)
            if self._values[peer]:
                return self._values[peer].popleft()
            assert self._fallen is not None
            raise self._fallen

    def _listen(self, peer: int) -> None:
        with contextlib.suppress(OSError), self._connections[peer].makefile("rb") as stream:
            while line := stream.readline(MESSAGE_BYTES):
                self._heard[peer] = time.monotonic()
                try:
                    message = json.loads(line)
                    kind = message["kind"]
                except (ValueError, TypeError, KeyError, RecursionError):
                    break  # half a message: it died while it wrote, or is none of ours
                if kind == "value":
                    with self._changed:
                        self._values[peer].append(message["value"])
                        self._changed.notify_all()
                elif kind == "ended":
                    if self.is_first:
                        self._tell(message, but=peer)
                    self._fall(Elsewhere(message["process"], message["code"], message["text"]))
                elif kind == "bye":
                    self._part_from(peer)
        if peer not in self._gone and not self._over.is_set():
            self._lose(peer, "it died, or the network between us did")
        self._part_from(peer)

    def _part_from(self, peer: int) -> None:
        with self._changed:
            self._gone.add(peer)
            self._changed.notify_all()

    def _beat(self) -> None:
        pause = min(1.0, self.silence_seconds / 4)
        last = time.monotonic()
        while not self._over.wait(pause):
            self._tell({"kind": "beat"})
            now = time.monotonic()
            if now - last > self.silence_seconds / 2:  # it was this process that stood still
                self._heard = dict.fromkeys(self._heard, now)
            last = now
            for peer, heard in list(self._heard.items()):
                if peer not in self._gone and now - heard > self.silence_seconds:
                    self._lose(peer, f"no sign of life for {self.silence_seconds:g} s")

    def _lose(self, peer: int, how: str) -> None:
        self._part_from(peer)
        text = f"{how}; the last checkpoint is good: start all processes again to resume"
        if self.is_first:
            self._tell({"kind": "ended", "process": peer, "code": STOPPED, "text": text})
        self._fall(Elsewhere(peer, STOPPED, text))

    def _fall(self, fallen: Elsewhere) -> None:
        with self._changed:
            if self._fallen is not None or self._over.is_set():
                return
            self._fallen = fallen
            self._changed.notify_all()
        # With process 0 dies JAX's own coordinator, and JAX then aborts every process within milliseconds: we are sooner.
        patience = 0.0 if fallen.process == 0 and 0 in self._gone else GRACE_SECONDS
        threading.Thread(target=self._give_up, args=(fallen, patience), daemon=True, name="drumjax-team-end").start()

    def _give_up(self, fallen: Elsewhere, patience: float) -> None:
        if not self._over.wait(patience):
            with contextlib.suppress(OSError, ValueError):
                os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"drumjax: {fallen}\n".encode())
            os._exit(fallen.code)

    def _close(self) -> None:
        """Ends the connections; process 0 only when the others have ended theirs, or after a while."""
        self._over.set()
        with self._changed:
            if self.is_first:
                self._changed.wait_for(lambda: self._gone >= set(self._connections), timeout=GRACE_SECONDS + 2)
        self._tell({"kind": "bye"})
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def code_of(error: BaseException) -> int:
    """The exit code of the command that ends with an error."""
    if isinstance(error, Ended):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    return 2 if isinstance(error, InputError) else 1
