"""The layer specs. Importing this package registers all of them."""

from nntrain.nn.layers import activation, conv, dense, dropout, norm, pool, shape, upsample

__all__ = ["activation", "conv", "dense", "dropout", "norm", "pool", "shape", "upsample"]
