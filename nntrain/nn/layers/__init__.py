"""The layer specs. Importing this package registers all of them."""

from nntrain.nn.layers import activation, attention, conv, dense, dropout, norm, pool, sequence, shape, upsample

__all__ = ["activation", "attention", "conv", "dense", "dropout", "norm", "pool", "sequence", "shape", "upsample"]
