"""Closest names, and what other tools call things."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

#: section of a config, or kind of component -> a name some other tool uses -> what to write here
ELSEWHERE: dict[str, dict[str, str]] = {
    "": {
        "model": "layers",
        "network": "layers",
        "trainer": "train",
        "training": "train",
        "optim": "optimizer",
        "solver": "optimizer",
        "criterion": "loss",
        "scheduler": "schedule",
        "lr_scheduler": "schedule",
        "dataset": "data",
        "datasets": "data",
        "random_seed": "seed",
        "seed_everything": "seed",
        "learning_rate": "optimizer.lr",
        "lr": "optimizer.lr",
        "epochs": "train.epochs",
        "max_epochs": "train.epochs",
        "num_epochs": "train.epochs",
        "batch_size": "train.batch_size",
        "accelerator": "device",
        "dtype": "precision",
        "callbacks": "train.early_stop, checkpoint, log",
        "logger": "log",
    },
    "train": {
        "max_epochs": "epochs",
        "num_epochs": "epochs",
        "num_train_epochs": "epochs",
        "n_epochs": "epochs",
        "max_steps": "steps",
        "max_iter": "steps",
        "train_steps": "steps",
        "iterations": "steps",
        "max_time": "time",
        "batch": "batch_size",
        "micro_batch_size": "batch_size",
        "per_device_train_batch_size": "batch_size",
        "gradient_clip_val": "clip_norm",
        "gradient_clipping": "clip_norm",
        "max_grad_norm": "clip_norm",
        "grad_clip": "clip_norm",
        "clip_gradients": "clip_norm",
        "clipnorm": "clip_norm",
        "clipvalue": "clip_value",
        "accumulate_grad_batches": "accumulate",
        "gradient_accumulation_steps": "accumulate",
        "accumulate_gradient": "accumulate",
        "iter_size": "accumulate",
        "patience": "early_stop.patience",
        "early_stopping": "early_stop",
        "learning_rate": "optimizer.lr (at the top level)",
        "lr": "optimizer.lr (at the top level)",
        "optimizer": "optimizer (at the top level)",
        "loss": "loss (at the top level)",
        "seed": "seed (at the top level)",
        "device": "device (at the top level)",
    },
    "train.early_stop": {"metric": "monitor", "min_improvement": "min_delta", "wait": "patience"},
    "checkpoint": {
        "save_every": "every",
        "every_n_epochs": "every",
        "save_top_k": "keep",
        "keep_last": "keep",
        "monitor": "best",
    },
    "data": {
        "label": "target",
        "labels": "target",
        "y": "target",
        "output": "target",
        "file": "source",
        "path": "source.path",
        "validation_split": "split.val",
        "test_size": "split.test",
        "splits": "split",
        "inputs": "features",
        "columns": "features",
        "input_features": "features",
        "ignore": "drop",
        "exclude": "drop",
    },
    "data.source": {"file": "path", "filename": "path", "csv": "path", "sep": "delimiter", "separator": "delimiter"},
    "optimizer": {
        "learning_rate": "lr",
        "lr0": "lr",
        "base_lr": "lr",
        "l2": "weight_decay",
        "L2": "weight_decay",
        "decay": "weight_decay",
        "beta_1": "betas: [beta1, beta2]",
        "beta1": "betas: [beta1, beta2]",
        "beta_2": "betas: [beta1, beta2]",
        "epsilon": "eps",
        "rho": "alpha",
        "param_groups": "groups",
        "parameters": "nothing: every parameter is trained",
    },
    "schedule": {
        "warmup_steps": "warmup: N steps",
        "warmup_ratio": "warmup: N%",
        "warmup_fraction": "warmup: N%",
        "warmup_epochs": "warmup: N epochs",
        "eta_min": "min_lr",
        "T_max": "nothing: the length of the training is known",
        "total_steps": "nothing: the length of the training is known",
    },
    "layer": {
        "units": "out_features",
        "out_dim": "out_features",
        "output_size": "out_features",
        "num_output": "out_features",
        "hidden_units": "out_features",
        "in_features": "nothing: input sizes are inferred",
        "in_channels": "nothing: input sizes are inferred",
        "input_shape": "nothing: input sizes are inferred",
        "input_dim": "nothing: input sizes are inferred",
        "input_size": "nothing: input sizes are inferred",
        "num_features": "nothing: input sizes are inferred",
        "filters": "out_channels",
        "num_filters": "out_channels",
        "kernel": "kernel_size",
        "pool_size": "kernel_size",
        "strides": "stride",
        "pad": "padding",
        "dilation_rate": "dilation",
        "use_bias": "bias",
        "rate": "p",
        "prob": "p",
        "dropout_rate": "p",
        "activation": "a layer of its own after this one (- relu)",
        "kernel_initializer": "init",
        "heads": "num_heads",
        "n_heads": "num_heads",
        "vocab_size": "num_embeddings",
        "num_layers_": "num_layers",
        "input": "inputs",
        "bottom": "inputs",
        "from": "inputs",
        "id": "name",
    },
}

#: kind of component -> a type some other tool has -> ours
TYPES_ELSEWHERE: dict[str, dict[str, str]] = {
    "layer": {
        "dense": "linear",
        "fc": "linear",
        "fully_connected": "linear",
        "innerproduct": "linear",
        "affine": "linear",
        "conv": "conv2d",
        "convolution": "conv2d",
        "convolution2d": "conv2d",
        "maxpooling2d": "max_pool2d",
        "maxpool": "max_pool2d",
        "maxpool2d": "max_pool2d",
        "pooling": "max_pool2d",
        "averagepooling2d": "avg_pool2d",
        "avgpool2d": "avg_pool2d",
        "globalaveragepooling2d": "adaptive_avg_pool2d",
        "adaptiveavgpool2d": "adaptive_avg_pool2d",
        "batchnormalization": "batch_norm",
        "batchnorm": "batch_norm",
        "batchnorm1d": "batch_norm",
        "batchnorm2d": "batch_norm",
        "layernormalization": "layer_norm",
        "layernorm": "layer_norm",
        "groupnorm": "group_norm",
        "multiheadattention": "multihead_attention",
        "swish": "silu",
        "leakyrelu": "leaky_relu",
        "activation": "relu, tanh, ...",
        "reshape_": "reshape",
        "concatenate": "concat",
    },
    "loss": {
        "categorical_crossentropy": "cross_entropy",
        "sparse_categorical_crossentropy": "cross_entropy",
        "crossentropy": "cross_entropy",
        "crossentropyloss": "cross_entropy",
        "softmax_cross_entropy": "cross_entropy",
        "ce": "cross_entropy",
        "nllloss": "nll",
        "mean_squared_error": "mse",
        "mseloss": "mse",
        "l2": "mse",
        "mean_absolute_error": "l1",
        "mae": "l1",
        "l1loss": "l1",
        "binary_crossentropy": "bce_with_logits",
        "bcewithlogitsloss": "bce_with_logits",
        "bceloss": "bce",
        "smoothl1loss": "smooth_l1",
        "huberloss": "huber",
    },
    "optimizer": {
        "adamw_torch": "adamw",
        "adam_w": "adamw",
        "momentum": "sgd",
        "nesterov": "sgd",
        "rms_prop": "rmsprop",
    },
    "schedule": {
        "cosineannealinglr": "cosine",
        "cosine_annealing": "cosine",
        "steplr": "step",
        "reducelronplateau": "plateau",
        "onecyclelr": "one_cycle",
        "none": "constant",
    },
    "metric": {"acc": "accuracy", "categorical_accuracy": "accuracy", "root_mean_squared_error": "rmse"},
    "source": {"image_folder": "images", "mnist": "idx", "tsv": "csv", "json": "jsonl"},
}


#: keys that are sought in the wrong section
SECTIONS = {
    "train": ("epochs", "steps", "batch_size", "accumulate", "clip_norm", "clip_value", "ema", "early_stop", "shuffle"),
    "optimizer": ("lr", "weight_decay", "momentum", "betas", "nesterov"),
    "data": ("source", "target", "split", "drop", "columns", "features"),
    "": (
        "seed",
        "device",
        "precision",
        "loss",
        "metrics",
        "optimizer",
        "schedule",
        "layers",
        "checkpoint",
        "log",
        "name",
    ),
}

#: what a section that must be there may look like
EXAMPLES = {
    "data": "data: {source: {type: csv, path: table.csv}, target: column}",
    "layers": "layers: [{type: linear, out_features: 64}, relu, {type: linear, out_features: auto}]",
    "loss": "loss: cross_entropy",
    "optimizer": "optimizer: {type: adamw, lr: 0.001}",
    "train": "train: {epochs: 20, batch_size: 32}",
}

BOOLEANS = {
    **dict.fromkeys(("yes", "on", "y", "true", "t", "enabled"), "true"),
    **dict.fromkeys(("no", "off", "n", "false", "f", "disabled"), "false"),
}

#: field -> a value some other tool has -> ours
VALUES = {
    "device": {**dict.fromkeys(("gpu", "cuda:gpu", "nvidia", "0", "/gpu:0"), "cuda"), "/cpu:0": "cpu", "mps": "cpu"},
    "precision": {
        **dict.fromkeys(("32", "32-true", "fp32", "full", "single"), "float32"),
        **dict.fromkeys(("64", "64-true", "fp64", "double"), "float64"),
    },
}

#: the patterns of texts, in words
PATTERNS = {
    r"^(auto|cpu|cuda(:\d+)?)$": "auto, cpu, cuda or cuda:N",
    r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$": "a name of letters, digits and _",
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$": "a name of letters, digits, _, - and .",
}

_RENAMED = re.compile(r"[a-z_0-9]+")


def closest(name: object, allowed: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` allowed names that look like `name`, the best first."""
    known = {a.lower(): a for a in allowed}
    wanted = str(name).lower()[:100]
    plain = re.sub("[-_ ]", "", wanted)
    ratio = {k: difflib.SequenceMatcher(None, wanted, k).ratio() for k in known}
    for k in known:
        letters = k.replace("_", "")
        if letters == plain:
            ratio[k] = 1.0
        elif len(plain) > 2 and sorted(letters) == sorted(plain):
            ratio[k] = max(ratio[k], 0.95)  # letters in another order: typed too fast
    found = sorted((k for k in known if ratio[k] >= 0.6), key=lambda k: -ratio[k])
    if not found:  # a part of a longer name
        found = [k for k in known if any(_alike(part, wanted) for part in k.split("_") if len(part) > 3)]
    return [known[k] for k in found if ratio[k] >= ratio[found[0]] - 0.15][:count]


def _alike(a: str, b: str) -> bool:
    return difflib.SequenceMatcher(None, a, b).ratio() >= 0.8


def key_hints(
    name: str, allowed: Iterable[str], owner: str, taken: Collection[str] = ()
) -> tuple[tuple[str, ...], str]:
    """What to do about an unknown key in a section, or in a component of a kind; and the right name where it is certain."""
    everything = list(allowed)
    known = [k for k in everything if k not in taken]
    glued = _glued(name, known)
    if glued:
        return (glued,), ""
    table = ELSEWHERE.get(owner, {})
    ours = table.get(name) or table.get(re.sub(r"[- ]", "_", name).lower())
    if ours is not None:
        better = ours if _RENAMED.fullmatch(ours) else ""
        if not better or better in everything:
            given = ", which is given already" if better in taken else ""
            hint = ours if ours.startswith("nothing") else f"here it is: {ours}{given}"
            return (hint,), better if better in known else ""
    near = closest(name, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",), certain(name, near)
    for other in ("train", "optimizer", "data", ""):
        if owner != other and name in SECTIONS.get(other, ()):
            return (f"here it is: {other + '.' if other else ''}{name}{'' if other else ' (at the top level)'}",), ""
    return (f"allowed: {', '.join(known)}",) if known else ("nothing is allowed here",), ""


def _glued(name: str, known: list[str]) -> str:
    """A key that swallowed its value: `lr:0.1` without a space, or `lr=0.1`."""
    for mark in (":", "="):
        left, found, right = name.partition(mark)
        if found and left.strip() in (*known, "type"):
            return f"here it is: {left.strip()}: {right.strip()}"
    return ""


def certain(name: str, near: list[str]) -> str:
    """The nearest of some names where it is a slip of the pen away, and the others are not as near; nothing else."""
    letters = sorted(name.lower())
    same = [n for n in near if sorted(n) == letters]
    if same:
        return same[0] if len(same) == 1 else ""
    ratios = [difflib.SequenceMatcher(None, name.lower(), n.lower()).ratio() for n in near]
    return near[0] if ratios[0] >= 0.8 and all(r < ratios[0] - 0.02 for r in ratios[1:]) else ""


def type_hints(name: str, allowed: Iterable[str], kind: str) -> tuple[tuple[str, ...], str]:
    """What to do about an unknown `type`, and the right name where it is certain."""
    known = list(allowed)
    plain = re.sub(
        r"^(torch\.nn\.|torch\.optim\.|tf\.keras\.(layers|losses|optimizers)\.|nn\.|optim\.|F\.)", "", name.strip()
    )
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", plain).lower().replace("-", "_").replace(" ", "_")
    short = snake.replace("_", "")
    for table_name in (snake, short, short.removesuffix("loss"), short.removesuffix("layer")):
        ours = TYPES_ELSEWHERE.get(kind, {}).get(table_name)
        if ours is not None:
            better = ours if _RENAMED.fullmatch(ours) else ""
            return (f"here it is: {ours}",), better if better in known else ""
    same = [k for k in known if k.replace("_", "") in (short, short.removesuffix("loss"))]
    if same:
        return (f"here it is: {same[0]}",), same[0]
    if "/" in name or re.search(r"\.(csv|tsv|gz|txt)$", name):
        return (f"here it is: {{type: csv, path: {name}}}",) if kind == "source" else (), ""
    near = closest(snake, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",), certain(snake, near)
    return (f"known: {', '.join(known)}",), ""
