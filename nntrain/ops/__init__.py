"""THE OP TABLE: every operation once, with its shape rule, its reference kernels and its samples.

Importing this package fills the registry of `nntrain.engine.op`.
"""

from nntrain.ops import conv, elementwise, loss, matmul, pool, random, reduce, shape, update

__all__ = ["conv", "elementwise", "loss", "matmul", "pool", "random", "reduce", "shape", "update"]
