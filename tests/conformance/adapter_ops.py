"""Operations: each case's PyTorch expression, as a user of this package would write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nntrain
from nntrain import Tensor
from nntrain.engine.methods import unary
from nntrain.nn.losses import CrossEntropySpec

Arrays = dict[str, np.ndarray]


def _deep_chain(x: Tensor) -> Tensor:
    for _ in range(5000):
        x = x * 0.9999 + 1e-4
    return x.sum()


def _cross_entropy(x: Tensor, t: Tensor) -> Tensor:
    total, weight = CrossEntropySpec().pair(x, t)
    return total / weight


EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "add_broadcast": lambda a, b: a + b,
    "mul_broadcast_scalar": lambda a, b: a * b,
    "div_broadcast": lambda a, b: a / b,
    "sub_outer": lambda a, b: a - b,
    "pow_tensor": lambda a, b: a**b,
    "reuse_diamond": lambda x: (x * x + x) * x.exp() - x,
    "same_tensor_twice": lambda x: x @ x.T + x.sum() * x @ x.T,
    "sum_axis_keep": lambda x: x.sum(axis=1, keepdims=True) * x,
    "mean_multi_axis": lambda x: x.mean(axis=(0, 2)),
    "var_unbiased": lambda x: x.var(axis=-1, correction=1),
    "std_biased_all": lambda x: x.std(correction=0),
    "prod_one_zero": lambda x: x.prod(axis=1),
    "max_dim": lambda x: x.max(axis=1),
    "amax_multi": lambda x: x.max(axis=(0, 2)),
    "logsumexp_extreme": lambda x: nntrain.logsumexp(x, axis=1),
    "cumsum": lambda x: x.cumsum(axis=1),
    "matmul_2d": lambda a, b: a @ b,
    "matmul_batch_bcast": lambda a, b: a @ b,
    "matmul_vec_mat": lambda a, b: a @ b,
    "matmul_mat_vec": lambda a, b: a @ b,
    "dot_1d": lambda a, b: a @ b,
    "einsum_bij_bjk": lambda a, b: nntrain.einsum("bij,bjk->bik", a, b),
    "einsum_trace_sum": lambda a, b: nntrain.einsum("ii,j->j", a, b),
    "index_basic": lambda x: x[1:, ::2, -1],
    "index_newaxis_ellipsis": lambda x: x[..., None, 0] * 2,
    "index_dup_rows": lambda x, i: x[i],
    "index_two_arrays": lambda x, i, j: x[i, j],
    "index_bool": lambda x, k: x[k],
    "gather_dup": lambda x, i: x.gather(1, i),
    "scatter_add": lambda x, i, s: x.scatter_add(1, i, s),
    "where_select": lambda k, a, b: nntrain.where(k, a, b),
    "where_unsafe_sqrt": lambda x: nntrain.where(x > 0, nntrain.sqrt(nntrain.where(x > 0, x, nntrain.ones_like(x))), x),
    "cat_axis1": lambda a, b: nntrain.cat([a, b, a], axis=1),
    "stack_axis1": lambda a, b: nntrain.stack([a, b], axis=1),
    "split_uneven": lambda x: [q * (n + 1) for n, q in enumerate(x.split([1, 3, 2], axis=1))],
    "pad_constant": lambda x: nntrain.pad(x, [(0, 1), (1, 2)], value=0.5),
    "pad_negative": lambda x: nntrain.pad(x, [(-1, 2)]),
    "permute_reshape": lambda x: x.permute(2, 0, 1).reshape(4, 6) * 3,
    "transpose_matmul": lambda x: x.swapaxes(0, 1) @ x,
    "expand_sum": lambda x, w: x.expand(4, 3) * w,
    "flip_roll": lambda x: x.flip(0).roll(2, 1),
    "tril_mask": lambda x: x.tril(-1),
    "clamp": lambda x: x.clamp(-0.5, 0.8),
    "abs_exp_log_sqrt": lambda x: (x.abs() + 1).log() * (x.exp() + x.abs().sqrt()),
    "trig_hyper": lambda x: x.sin() * x.cos() + x.tanh() + x.erf() + x.atan(),
    "log1p_expm1_small": lambda x: x.log1p() + x.expm1(),
    "sort_values": lambda x, w: x.sort(axis=1)[0] * w,
    "topk_values": lambda x: x.topk(2, axis=1)[0],
    "minimum_maximum": lambda a, b: nntrain.maximum(a, b) - nntrain.minimum(a, b) ** 2,
    "unfold_windows": lambda x: x.unfold(1, 3, 2),
    "softmax_masked_row": lambda x, k: x.masked_fill(k, -np.inf).softmax(-1),
    "sdpa_causal": lambda q, k, v: nntrain.scaled_dot_product_attention(q, k, v, causal=True),
    "deep_chain_5000": _deep_chain,
    "zero_size_sum": lambda x, w: (x * 2).sum() + w.sum(),
    "detach_stops": lambda x: x.detach() * x,
    "tie_max_full": lambda x: x.max(),
    "tie_amax_dim": lambda x: x.max(axis=1),
    "tie_maximum": lambda a, b: nntrain.maximum(a, b),
    "sqrt_at_zero": lambda x: unary("sqrt", x),
    "norm_at_zero": lambda x: x.norm(),
    "abs_at_zero": lambda x: x.abs(),
    "sdpa_fully_masked": lambda q, k, v, m: nntrain.scaled_dot_product_attention(q, k, v, m),
    "ce_all_ignored": _cross_entropy,
}


def differentiate(
    outputs: Sequence[Tensor], cotangents: Sequence[np.ndarray], leaves: dict[str, Tensor], prefix: str
) -> Arrays:
    """Outputs, and the gradients of the sum of outputs times cotangents."""
    found: Arrays = {f"out.{i}": np.asarray(y) for i, y in enumerate(outputs)}
    for y, c in zip(outputs, cotangents, strict=False):
        if y.requires_grad:
            y.backward(c, retain_graph=True)
    for name, leaf in leaves.items():
        found[f"{prefix}.{name}"] = np.zeros(leaf.shape) if leaf.grad is None else np.asarray(leaf.grad)
    return found


def op(spec: dict[str, Any], inputs: Arrays, cotangents: list[np.ndarray], dtype: np.dtype) -> Arrays:
    """One case of the category ops."""
    if spec["id"] not in EXPRESSIONS:
        raise NotImplementedError("not written here")
    tensors = {n: nntrain.tensor(a, requires_grad=a.dtype.kind == "f") for n, a in inputs.items()}
    result = EXPRESSIONS[spec["id"]](*tensors.values())
    outputs = result if isinstance(result, list | tuple) else [result]
    leaves = {n: t for n, t in tensors.items() if t.requires_grad}
    return differentiate(outputs, cotangents, leaves, "gin")
