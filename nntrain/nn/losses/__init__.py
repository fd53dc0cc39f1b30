"""Losses. Importing this package registers all of them."""

from nntrain.nn.losses import alignment, classes, distances, labels, numbers
from nntrain.nn.losses.base import Loss, LossModule, loss_class
from nntrain.nn.losses.classes import CrossEntropySpec
from nntrain.nn.losses.numbers import MSESpec

__all__ = [
    "CrossEntropySpec",
    "Loss",
    "LossModule",
    "MSESpec",
    "alignment",
    "classes",
    "distances",
    "labels",
    "loss_class",
    "numbers",
]
