"""Data: sources, columns, splits, batches. NumPy only; nothing here knows of networks."""

from nntrain.data.dataset import Batch, Dataset, Fitted, Split, TargetInfo, batches, prepare
from nntrain.data.spec import DataSpec

__all__ = ["Batch", "DataSpec", "Dataset", "Fitted", "Split", "TargetInfo", "batches", "prepare"]
