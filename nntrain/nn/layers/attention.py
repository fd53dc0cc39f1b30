"""Attention and transformer blocks. Sequences are (rows, time, channels)."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor, as_tensor, matmul
from nntrain.nn.context import Context
from nntrain.nn.initializers import FanInUniform, XavierUniform, Zeros
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.nn.layers.activation import GELUSpec, ReLUSpec
from nntrain.nn.layers.conv import Positive
from nntrain.nn.layers.dense import LinearSpec
from nntrain.nn.layers.dropout import DropoutSpec
from nntrain.nn.layers.norm import LayerNormSpec
from nntrain.ops import functions


class MultiheadAttentionSpec(Layer):
    """softmax(q k^T / sqrt(d)) v in `num_heads` parts of the channels (Vaswani et al. 2017, arXiv:1706.03762).

    One input attends to itself, three are query, key and value: (rows, time, channels) -> (rows, time, channels). A query
    that may look at nothing gives the output's constant. Parameters in_proj_weight (channels, 3 channels), in_proj_bias,
    out_proj.weight (channels, channels), out_proj.bias; q_proj_weight, ... where key or value have other channels.
    """

    type: Literal["multihead_attention"] = "multihead_attention"
    num_heads: Positive = Field(description="number of parts, which divides the channels")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout of the weights of attention")
    bias: bool = Field(True, description="add learned constants")
    causal: bool = Field(False, description="a step looks at itself and what was before it alone")
    rotary: bool = Field(False, description="turn queries and keys by their place (Su et al. 2021, arXiv:2104.09864)")

    examples: ClassVar[Any] = (
        ({"num_heads": 2}, ((2, 3, 4),)),
        ({"num_heads": 1, "causal": True, "rotary": True}, ((2, 3, 4),)),
        ({"num_heads": 2}, ((2, 3, 4), (2, 5, 3), (2, 5, 2))),
    )

    @staticmethod
    def given(embed_dim: int) -> Spec:
        return Spec((1, 1, embed_dim))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if len(inputs) not in (1, 3) or any(s.ndim != 3 for s in inputs):
            raise ValueError("multihead_attention needs one sequence (rows, time, channels), or query, key and value")
        q, k, v = inputs * 3 if len(inputs) == 1 else inputs
        width = q.shape[2]
        if width % self.num_heads or (self.rotary and width // self.num_heads % 2):
            even = " of an even size" if self.rotary else ""
            raise ValueError(f"multihead_attention: {width} channels do not divide into {self.num_heads} heads{even}")
        glorot = XavierUniform()
        if k.shape[2] == v.shape[2] == width:
            found = {"in_proj_weight": ParamSpec((width, 3 * width), glorot, width, 3 * width)}
        else:
            sizes = {"q": width, "k": k.shape[2], "v": v.shape[2]}
            found = {f"{n}_proj_weight": ParamSpec((c, width), glorot, c, width) for n, c in sizes.items()}
        if self.bias:
            found["in_proj_bias"] = ParamSpec((3 * width,), Zeros())
        found["out_proj.weight"] = ParamSpec((width, width), FanInUniform(), width, width)
        if self.bias:
            found["out_proj.bias"] = ParamSpec((width,), Zeros())
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        query, key, value = xs * 3 if len(xs) == 1 else xs
        return self.attend(p, query, key, value, ctx=ctx)[0]

    def attend(
        self, p: Params, query: Tensor, key: Tensor, value: Tensor, ctx: Context, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The output, and the weights of attention (rows, heads, queries, keys).

        `mask` broadcasts against the weights: true where a key may be looked at, or numbers that are added to the scores.
        """
        width, heads = query.shape[2], self.num_heads
        q, k, v = (self._project(p, i, x, width) for i, x in enumerate((query, key, value)))
        q, k, v = (x.reshape(x.shape[0], x.shape[1], heads, width // heads).transpose(0, 2, 1, 3) for x in (q, k, v))
        if self.rotary:
            q, k = rotated(q), rotated(k)
        scores = matmul(q, k.swapaxes(-1, -2)) * float(1 / np.sqrt(width // heads))
        if self.causal:
            blocked = np.triu(np.ones((query.shape[1], key.shape[1]), bool), 1)
            scores = scores.masked_fill(blocked, -np.inf)
        if mask is not None:
            scores = scores.masked_fill(mask.logical_not(), -np.inf) if mask.dtype.kind == "b" else scores + mask
        weights = scores.softmax(-1)
        dropped = DropoutSpec(p=self.dropout).forward(p, weights, ctx=ctx.at("attention"))
        joined = matmul(dropped, v).transpose(0, 2, 1, 3).reshape(query.shape)
        out = matmul(joined, p["out_proj.weight"])
        return (out + p["out_proj.bias"] if self.bias else out), weights

    def _project(self, p: Params, i: int, x: Tensor, width: int) -> Tensor:
        part = slice(i * width, (i + 1) * width)
        whole = p.get("in_proj_weight")
        y = matmul(x, p[f"{'qkv'[i]}_proj_weight"] if whole is None else whole[:, part])
        return y + p["in_proj_bias"][part] if self.bias else y


def rotated(x: Tensor) -> Tensor:
    """x (..., time, d) with the pair of channels (i, i + d/2) turned by time / 10000 ** (2 i / d) (arXiv:2104.09864)."""
    time, d = x.shape[-2:]
    angle = np.arange(time)[:, None] * 10000.0 ** (-np.arange(0, d, 2) / d)
    cos, sin = (as_tensor(f(angle).astype(x.dtype), x) for f in (np.cos, np.sin))
    a, b = x.split(d // 2, -1)
    return functions.concat([a * cos - b * sin, a * sin + b * cos], -1)


class _Block(Layer):
    """What encoder and decoder blocks share: sub-layers with a residual connection, dropout and layer norm each."""

    num_heads: Positive = Field(description="heads of the attention")
    dim_feedforward: Positive = Field(2048, description="channels between the two linear layers")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of attention and of all branches")
    activation: Literal["relu", "gelu"] = Field("relu", description="between the two linear layers")
    norm_first: bool = Field(False, description="norm before each branch instead of after the sum")
    causal: bool = Field(False, description="a step looks at itself and what was before it alone: a language model")
    rotary: bool = Field(False, description="turn queries and keys of self-attention by their place")
    eps: float = Field(1e-5, gt=0, description="of the layer norms")
    bias: bool = Field(True, description="add learned constants")

    @staticmethod
    def given(d_model: int) -> Spec | tuple[Spec, ...]:
        return Spec((1, 1, d_model))

    def parts(self, width: int) -> dict[str, Layer]:
        """The layers inside by name."""
        norms = {f"norm{i + 1}": LayerNormSpec(eps=self.eps, bias=self.bias) for i in range(self.branches)}
        return {
            "self_attn": MultiheadAttentionSpec(
                num_heads=self.num_heads, dropout=self.dropout, causal=self.causal, rotary=self.rotary, bias=self.bias
            ),
            "linear1": LinearSpec(out_features=self.dim_feedforward, bias=self.bias),
            "linear2": LinearSpec(out_features=width, bias=self.bias),
            **norms,
        }

    #: sub-layers, each with a norm
    branches: ClassVar[int] = 2

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        x = inputs[0]
        if any(s.ndim != 3 for s in inputs):
            raise ValueError(f"{getattr(self, 'type', '')} needs sequences (rows, time, channels), not shape {x.shape}")
        memory = inputs[1] if len(inputs) > 1 else x
        found: dict[str, ParamSpec] = {}
        for name, layer in self.parts(x.shape[2]).items():
            given = {"linear2": (x.of(*x.shape[:2], self.dim_feedforward),), "cross_attn": (x, memory, memory)}
            found |= {f"{name}.{n}": spec for n, spec in layer.params(*given.get(name, (x,))).items()}
        return found

    def branch(self, i: int, x: Tensor, inner: Callable[[Tensor], Tensor], p: Params, ctx: Context) -> Tensor:
        """x + dropout(inner(x)), with norm number i before the branch or after the sum."""
        norm = LayerNormSpec(eps=self.eps, bias=self.bias)

        def normed(value: Tensor) -> Tensor:
            return norm.forward(p.sub(f"norm{i}"), value, ctx=ctx)

        def dropped(value: Tensor) -> Tensor:
            return DropoutSpec(p=self.dropout).forward(p, value, ctx=ctx.at(f"dropout{i}"))

        return x + dropped(inner(normed(x))) if self.norm_first else normed(x + dropped(inner(x)))

    def feed(self, x: Tensor, p: Params, ctx: Context) -> Tensor:
        """The two linear layers."""
        parts = self.parts(x.shape[2])
        bend = ReLUSpec() if self.activation == "relu" else GELUSpec()
        hidden = bend.forward(p, parts["linear1"].forward(p.sub("linear1"), x, ctx=ctx), ctx=ctx)
        dropped = DropoutSpec(p=self.dropout).forward(p, hidden, ctx=ctx.at("dropout"))
        return parts["linear2"].forward(p.sub("linear2"), dropped, ctx=ctx)

    def attend(self, name: str, p: Params, ctx: Context, x: Tensor, *memory: Tensor) -> Tensor:
        """One of the attentions inside."""
        return self.parts(x.shape[2])[name].forward(p.sub(name), x, *memory, ctx=ctx.at(name))


class TransformerEncoderLayerSpec(_Block):
    """Self-attention and two linear layers, each with a residual connection, dropout and layer norm (Vaswani et al. 2017).

    (rows, time, channels) -> the same. Parameters self_attn.*, linear1.*, linear2.*, norm1.*, norm2.*.
    """

    type: Literal["transformer_encoder_layer"] = "transformer_encoder_layer"

    examples: ClassVar[Any] = (
        ({"num_heads": 2, "dim_feedforward": 5, "dropout": 0.0}, ((2, 3, 4),)),
        (
            {"num_heads": 1, "dim_feedforward": 5, "norm_first": True, "activation": "gelu", "causal": True},
            ((2, 3, 4),),
        ),
    )

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = self.branch(1, xs[0], lambda v: self.attend("self_attn", p, ctx, v), p, ctx)
        return self.branch(2, x, lambda v: self.feed(v, p, ctx), p, ctx)


class TransformerDecoderLayerSpec(_Block):
    """An encoder block with attention to a second sequence in the middle (Vaswani et al. 2017).

    Two inputs, (rows, time, channels) and what it looks at, (rows, other time, other channels) -> as the first. Parameters
    as the encoder's, and cross_attn.*, norm3.*.
    """

    type: Literal["transformer_decoder_layer"] = "transformer_decoder_layer"
    causal: bool = Field(True, description="a step looks at itself and what was before it alone")

    branches: ClassVar[int] = 3
    examples: ClassVar[Any] = (({"num_heads": 2, "dim_feedforward": 5}, ((2, 3, 4), (2, 5, 6))),)

    @staticmethod
    def given(d_model: int) -> tuple[Spec, ...]:
        return Spec((1, 1, d_model)), Spec((1, 1, d_model))

    def parts(self, width: int) -> dict[str, Layer]:
        cross = MultiheadAttentionSpec(num_heads=self.num_heads, dropout=self.dropout, bias=self.bias)
        return {**super().parts(width), "cross_attn": cross}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if len(xs) != 2:
            raise ValueError(f"transformer_decoder_layer needs two inputs, not {len(xs)}")
        x, memory = xs
        x = self.branch(1, x, lambda v: self.attend("self_attn", p, ctx, v), p, ctx)
        x = self.branch(2, x, lambda v: self.attend("cross_attn", p, ctx, v, memory, memory), p, ctx)
        return self.branch(3, x, lambda v: self.feed(v, p, ctx), p, ctx)
