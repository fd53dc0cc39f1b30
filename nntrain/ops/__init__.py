"""THE OP TABLE: every operation once, with its shape rule, its reference kernels and its samples.

Importing this package fills the registry of `nntrain.engine.op`.
"""

from nntrain.ops import (
    activation,
    conv,
    elementwise,
    loss,
    matmul,
    norm,
    pool,
    random,
    rearrange,
    reduce,
    sequence,
    shape,
    update,
)

__all__ = [
    "activation",
    "conv",
    "elementwise",
    "loss",
    "matmul",
    "norm",
    "pool",
    "random",
    "rearrange",
    "reduce",
    "sequence",
    "shape",
    "update",
]
