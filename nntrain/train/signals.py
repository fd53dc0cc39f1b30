"""Signals while training: the first asks for an end at the next step's edge, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECOND_SIGNAL = 137


class Stop:
    """What signals have asked for: `wanted` is the number of the signal, or 0; `checkpoint` asks for one now."""

    def __init__(self) -> None:
        self.wanted = 0
        self.checkpoint = False

    @contextmanager
    def listening(self) -> Iterator[Stop]:
        """SIGINT and SIGTERM set `wanted`, a second one ends the process; SIGUSR1 sets `checkpoint`."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return

        def end(number: int, frame: FrameType | None) -> None:
            if self.wanted:
                os._exit(SECOND_SIGNAL)
            self.wanted = number

        def save(number: int, frame: FrameType | None) -> None:
            self.checkpoint = True

        handlers = {signal.SIGINT: end, signal.SIGTERM: end}
        if hasattr(signal, "SIGUSR1"):
            handlers[signal.SIGUSR1] = save
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
