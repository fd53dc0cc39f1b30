"""Closest names, and what other tools call things."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

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


def closest(name: object, allowed: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` allowed names that look like `name`, the best first."""
    known = {a.lower(): a for a in allowed}
    wanted = str(name).lower()
    found = difflib.get_close_matches(wanted, known, n=count, cutoff=0.6)
    found += [k for k in known if k not in found and (k.replace("_", "") == wanted.replace("_", "").replace("-", ""))]
    return [known[f] for f in found][:count]


def key_hints(name: str, allowed: Iterable[str], section: str, kind: str) -> tuple[str, ...]:
    """What to do about an unknown key in a section of the config, or in a component of a kind."""
    table = ELSEWHERE.get(section) or ELSEWHERE.get(kind) or {}
    known = list(allowed)
    if name in table:
        ours = table[name]
        return (ours if ours.startswith("nothing") else f"here it is: {ours}",)
    near = closest(name, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",)
    return (f"allowed: {', '.join(known)}",) if known else ("nothing is allowed here",)


def type_hints(name: object, allowed: Iterable[str], kind: str) -> tuple[str, ...]:
    """What to do about an unknown `type`."""
    known = list(allowed)
    wanted = str(name).lower().removeprefix("nn.").removeprefix("torch.nn.").replace("-", "_")
    for table_name in (wanted, wanted.replace("_", "")):
        ours = TYPES_ELSEWHERE.get(kind, {}).get(table_name)
        if ours is not None:
            return (f"here it is: {ours}",)
    near = closest(wanted, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",)
    return (f"known: {', '.join(known)}",)
