"""The adapter: one function a category, gathered from the modules that translate."""

from __future__ import annotations

from adapter_init import init as init
from adapter_modules import module as module
from adapter_ops import op as op
from adapter_runs import train as train
from adapter_runs import trap as trap
from adapter_training import clip as clip
from adapter_training import optim as optim
from adapter_training import rosenbrock as rosenbrock
from adapter_training import sched as sched
