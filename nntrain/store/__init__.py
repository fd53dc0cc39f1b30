"""What is on disk: checkpoints and run folders. The standard library and NumPy only."""

from nntrain.store.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nntrain.store.run import MetricsLog, RunFolder

__all__ = ["Checkpoint", "MetricsLog", "RunFolder", "load_checkpoint", "save_checkpoint"]
