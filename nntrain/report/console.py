"""Shows a run: a live display on a terminal, plain lines into a pipe."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nntrain import events


def figure(value: float) -> str:
    """A figure as it is shown: four significant digits, shares with four places."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.5g}"
    return f"{value:.3e}"


def duration(seconds: float) -> str:
    """12.3s, 4m05s, 2h07m."""
    if math.isnan(seconds):
        return "?"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def counted(number: int) -> str:
    """12,345."""
    return f"{number:,}"


class Report(ABC):
    """Takes the events of a run, one after the other, and shows them until it is closed."""

    @abstractmethod
    def show(self, event: events.Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Nothing more will come."""


def header_lines(e: events.RunStarted) -> list[str]:
    """What is about to be trained."""
    rows = ", ".join(f"{counted(n)} {name}" for name, n in e.rows.items())
    length = f"{e.epochs} epochs of {e.steps_per_epoch} steps" if e.epochs else f"{counted(e.steps)} steps"
    threads = f"{e.threads} thread{'s' if e.threads != 1 else ''}"
    lines = [
        f"{e.name}: {counted(e.parameters)} parameters on {e.device} ({threads}), seed {e.seed}",
        f"rows: {rows}; {length}, batches of {e.batch_size}; the best epoch is chosen by {e.monitor}",
    ]
    if e.resumed_at:
        lines.append(f"resumed after step {counted(e.resumed_at)}")
    return lines


def end_lines(e: events.RunEnded, run_dir: str | None) -> list[str]:
    """How it ended, with the figures of the best checkpoint."""
    words = {"finished": "finished", "early_stopped": "stopped early", "interrupted": "interrupted, saved"}
    lines = [f"{words.get(e.status, e.status)} after {e.epoch} epochs, {counted(e.step)} steps, {duration(e.seconds)}"]
    for split in ("val", "test"):
        found = {n.split("/", 1)[1]: v for n, v in e.metrics.items() if n.startswith(split + "/")}
        if found:
            shown = "  ".join(f"{n} {figure(v)}" for n, v in found.items())
            lines.append(f"{split:<5} {shown}  (epoch {e.best_epoch})")
    if e.best_path:
        lines.append(f"best checkpoint: {e.best_path}")
    elif run_dir:
        lines.append(f"run folder: {run_dir}")
    return lines


class PlainReport(Report):
    """One line an epoch, and one of progress at most every `interval` seconds."""

    def __init__(self, stream: TextIO | None = None, interval: float = 10.0) -> None:
        self.stream = stream or sys.stdout
        self.interval = interval
        self.last = 0.0
        self.run_dir: str | None = None

    def say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)

    def show(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self.run_dir = event.run_dir
                for line in header_lines(event):
                    self.say(line)
            case events.Notice():
                self.say(f"{'note' if event.level == 'info' else 'warning'}: {event.message}")
            case events.Progress() if event.seconds - self.last >= self.interval:
                self.last = event.seconds
                self.say(
                    f"epoch {event.epoch} step {event.step}  loss {figure(event.loss)}  lr {figure(event.lr)}  "
                    f"{event.samples_per_second:,.0f} rows/s  left {duration(event.eta)}"
                )
            case events.EpochDone():
                shown = "  ".join(f"{n} {figure(v)}" for n, v in event.metrics.items())
                self.say(
                    f"epoch {event.epoch}  {shown}  lr {figure(event.lr)}  {event.samples_per_second:,.0f} rows/s"
                    f"{'  best' if event.best else ''}"
                )
            case events.RunEnded():
                for line in end_lines(event, self.run_dir):
                    self.say(line)


class LiveReport(Report):
    """A table that grows by a line an epoch, above a bar that shows where the run stands."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.live: Live | None = None
        self.started: events.RunStarted | None = None
        self.columns: list[str] = []

    def show(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self.started = event
                first, *rest = header_lines(event)
                self.console.print(Text(first, style="bold"))
                for line in rest:
                    self.console.print(Text(line, style="dim"))
                self.live = Live(console=self.console, refresh_per_second=8, transient=True)
                self.live.start()
            case events.Notice():
                style = "dim" if event.level == "info" else "yellow"
                self.console.print(Text(event.message, style=style))
            case events.Progress():
                if self.live is not None:
                    self.live.update(self._bar(event))
            case events.EpochDone():
                self._epoch(event)
            case events.RunEnded():
                self.close()
                first, *rest = end_lines(event, self.started.run_dir if self.started else None)
                self.console.print(Text(first, style="bold green" if event.status != "interrupted" else "bold yellow"))
                for line in rest:
                    self.console.print(Text(line, style="bold" if line.startswith("test") else ""), soft_wrap=True)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _epoch(self, e: events.EpochDone) -> None:
        if not self.columns:
            self.columns = list(e.metrics)
            names = "".join(f"{n:>14}" for n in self.columns)
            self.console.print(Text(f"{'epoch':>7}{names}{'lr':>12}{'rows/s':>10}", style="bold"))
        line = Text(f"{e.epoch:>7}")
        for name in self.columns:
            chosen = e.best and self.started is not None and name == self.started.monitor
            line.append(f"{figure(e.metrics[name]):>14}", style="bold green" if chosen else "")
        line.append(f"{figure(e.lr):>12}{e.samples_per_second:>10,.0f}", style="dim")
        self.console.print(line, no_wrap=True, overflow="ellipsis")

    def _bar(self, e: events.Progress) -> Group:
        assert self.started is not None
        table = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(self.started.steps, 1), completed=e.step, width=24)
        total = f"/{self.started.epochs}" if self.started.epochs else ""
        table.add_row(
            Text(f"epoch {e.epoch}{total}"),
            bar,
            Text(f"{e.step * 100 // max(self.started.steps, 1)}%"),
            Text(f"loss {figure(e.loss)}"),
            Text(f"{e.samples_per_second:,.0f} rows/s", style="dim"),
            Text(f"left {duration(e.eta)}", style="dim"),
        )
        return Group(table)


def make_report(interval: float = 10.0) -> Report:
    """The live display where standard output is a terminal, otherwise plain lines."""
    return LiveReport() if sys.stdout.isatty() else PlainReport(interval=interval)
