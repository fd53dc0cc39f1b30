"""The adapter: one function a category, gathered from the modules that translate."""

from __future__ import annotations

import contextlib

from adapter_modules import module as module
from adapter_ops import op as op

with contextlib.suppress(ImportError):
    from adapter_training import clip as clip
    from adapter_training import init as init
    from adapter_training import optim as optim
    from adapter_training import rosenbrock as rosenbrock
    from adapter_training import sched as sched
    from adapter_training import train as train
    from adapter_training import trap as trap
