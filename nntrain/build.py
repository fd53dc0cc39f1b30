"""From a config to an experiment: data, network, loss, optimizer, schedule, metrics, all on one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nntrain import backend as devices
from nntrain import optim
from nntrain.backend import Array, Backend
from nntrain.config import Loaded, Problem
from nntrain.config.compose import raise_if
from nntrain.config.model import LayerItem
from nntrain.data import Dataset, Fitted, TargetInfo, prepare
from nntrain.engine.spec import DType, Spec, float32, float64
from nntrain.errors import MachineError
from nntrain.metrics import Metric, default_metrics
from nntrain.nn.losses import Loss
from nntrain.nn.network import Network, Node, ShapeError
from nntrain.optim import FlatParameters, Optimizer, Plan, Scheduler

DTYPES: dict[str, DType] = {"float32": float32, "float64": float64}


@dataclass
class Experiment:
    """Everything that training and evaluation need."""

    loaded: Loaded
    dataset: Dataset
    network: Network
    loss: Loss
    metrics: tuple[Metric, ...]
    backend: Backend
    dtype: DType
    flat: FlatParameters
    optimizer: Optimizer
    scheduler: Scheduler
    plan: Plan
    monitor: str
    larger_is_better: bool
    notes: tuple[str, ...]
    average: Array | None = (
        None  # of the weights, laid out like flat.values; evaluated in their place where train.ema is set
    )

    @contextmanager
    def evaluated_weights(self) -> Iterator[None]:
        """Inside, the network has the weights that are evaluated: their average where there is one."""
        if self.average is None:
            yield
        else:
            with self.flat.pointing_at(self.average):
                yield

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.size for p in self.network.parameters())


def build(
    loaded: Loaded, *, fitted: Fitted | None = None, dtype: DType | None = None, data: Dataset | None = None
) -> Experiment:
    """Everything a config describes, ready to train.

    `fitted` (from a checkpoint) keeps preprocessing as it was; `dtype` overrides the config's precision (gradient checks).
    Raises ConfigError where parts do not fit each other, DataError for the data, MachineError without the device.
    """
    config = loaded.config
    backend, notes = choose_device(config.device)
    dataset = data or prepare(config.data, seed=config.seed, base=loaded.base, fitted=fitted)
    problems = check_fit(loaded, dataset)
    raise_if(problems)
    chosen = dtype or DTYPES[config.precision]
    network = build_network(loaded, dataset, chosen, backend)
    metrics = config.metrics if config.metrics is not None else default_metrics(dataset.target.kind)
    plan = make_plan(loaded, dataset)
    optimizer, scheduler = build_optimizer(loaded, network, plan)
    flat = optimizer.flat
    assert flat is not None
    monitor, larger = choose_monitor(loaded, metrics, dataset)
    return Experiment(
        loaded,
        dataset,
        network,
        config.loss,
        metrics,
        backend,
        chosen,
        flat,
        optimizer,
        scheduler,
        plan,
        monitor,
        larger,
        (*dataset.notes, *notes),
        flat.values.copy() if config.train.ema is not None and flat.values is not None else None,
    )


def choose_device(name: str) -> tuple[Backend, list[str]]:
    """The backend for `device:`. Only auto may fall back to the CPU, and it says so."""
    if name != "auto":
        return devices.get(name), []
    try:
        return devices.get("cuda"), []
    except MachineError:
        return devices.get("cpu"), []


def make_plan(loaded: Loaded, dataset: Dataset) -> Plan:
    """How many optimizer steps the training has, and how many an epoch."""
    train = loaded.config.train
    rows = dataset.splits["train"].rows
    per_epoch = -(-rows // (train.batch_size * train.accumulate))
    return Plan(train.steps if train.steps is not None else per_epoch * (train.epochs or 0), per_epoch)


def build_optimizer(loaded: Loaded, network: Network, plan: Plan) -> tuple[Optimizer, Scheduler]:
    """The optimizer over one flat array, its groups by name, and what drives its rates. Raises ConfigError with the line."""
    config = loaded.config
    try:
        optimizer = optim.build(config.optimizer, dict(network.named_parameters()))
    except ValueError as error:
        message, *position = error.args
        raise loaded.error(("optimizer", "groups", *position), str(message)) from None
    try:
        return optimizer, Scheduler(optimizer, config.schedule, plan.steps, plan.steps_per_epoch)
    except ValueError as error:
        raise loaded.error(("schedule",), str(error)) from None


def check_fit(loaded: Loaded, dataset: Dataset) -> list[Problem]:
    """Problems between parts that are right by themselves: loss and target, metrics and target, batch and data."""
    config, target = loaded.config, dataset.target
    what = f"the target {target.name!r} is {'classes' if target.kind == 'classes' else 'a number'}"
    problems = []
    if target.kind not in config.loss.targets:
        fits = "cross_entropy" if target.kind == "classes" else "mse"
        loss_type = getattr(config.loss, "type", "this loss")
        other = "number" if target.kind == "classes" else "classes"
        problems.append(
            loaded.problem(
                ("loss",),
                f"{loss_type} does not fit: {what}",
                f"loss: {fits}",
                f"or data.target: {{column: {target.name}, kind: {other}}}",
            )
        )
    for i, metric in enumerate(config.metrics or ()):
        if target.kind not in metric.targets:
            problems.append(loaded.problem(("metrics", i), f"{getattr(metric, 'type', '')} does not fit: {what}"))
    rows = dataset.splits["train"].rows
    if config.train.batch_size > rows:
        problems.append(
            loaded.problem(("train", "batch_size"), f"{config.train.batch_size} rows, but there are {rows} to train on")
        )
    return problems


def make_nodes(layers: Sequence[LayerItem], target: TargetInfo) -> list[Node]:
    """The layers with names, with what they read, and with `auto` resolved. A layer reads the one before it."""
    counts: dict[str, int] = {}
    nodes: list[Node] = []
    before = "x"
    for item in layers:
        layer = item.layer
        kind = str(getattr(layer, "type", "layer"))
        counts[kind] = counts.get(kind, 0) + 1
        if layer.auto is not None and getattr(layer, layer.auto) == "auto":
            layer = layer.model_copy(update={layer.auto: target.size})
        given = item.place.inputs
        inputs = (before,) if given is None else (given,) if isinstance(given, str) else given
        before = item.place.name or f"{kind}_{counts[kind]}"
        nodes.append(Node(before, layer, inputs))
    return nodes


def check_graph(loaded: Loaded, nodes: Sequence[Node], inputs: Sequence[str]) -> list[Problem]:
    """Names that are taken twice, that nothing has, or that are read before they are made; layers nobody reads."""
    from nntrain.config.suggest import closest

    problems = []
    known = list(inputs)
    later = [n.name for n in nodes]
    for i, node in enumerate(nodes):
        for k, name in enumerate(node.inputs):
            path: tuple[str | int, ...] = ("layers", i, "inputs")
            written = loaded.tree.at(path)
            path = (*path, k) if written is not None and isinstance(written.value, list) else path
            if name not in known:
                if name in later:
                    problems.append(loaded.problem(path, f"{name!r} is made by this layer or a later one: a cycle"))
                else:
                    near = closest(name, known)
                    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                    problems.append(loaded.problem(path, f"nothing above is named {name!r}", hint))
        if node.name in known:
            problems.append(loaded.problem(("layers", i, "name"), f"the name {node.name!r} is taken"))
        known.append(node.name)
    read = {name for node in nodes for name in node.inputs}
    for i, node in enumerate(nodes[:-1]):
        if node.name not in read:
            problems.append(loaded.problem(("layers", i), f"nothing reads the output of {node.name!r}"))
    return problems


def build_network(loaded: Loaded, dataset: Dataset, dtype: DType, backend: Backend) -> Network:
    """The network of the config for the shapes of the data. Raises ConfigError with the layer and its line."""
    config = loaded.config
    nodes = make_nodes(config.layers, dataset.target)
    inputs = {name: Spec((config.train.batch_size, *shape), dtype) for name, shape in dataset.inputs.items()}
    raise_if(check_graph(loaded, nodes, list(inputs)))
    try:
        network = Network(nodes, inputs, seed=config.seed, dtype=dtype, device=backend.name)
    except ShapeError as error:
        shapes = ", ".join(_show(s) for s in error.inputs)
        raise loaded.error(
            ("layers", error.index), error.reason, f"what reaches {error.node.name!r} has the shape {shapes}"
        ) from None
    _check_output(loaded, network, dataset.target)
    return network


def _show(spec: Spec) -> str:
    return "(rows" + "".join(f", {n}" for n in spec.shape[1:]) + ")"


def _check_output(loaded: Loaded, network: Network, target: TargetInfo) -> None:
    shape = network.specs[network.outputs[0]].shape[1:]
    if shape != (target.size,):
        last = len(network.nodes) - 1
        wanted = f"{target.size} classes" if target.kind == "classes" else "one number"
        field = network.nodes[last].layer.auto
        path: tuple[str | int, ...] = ("layers", last, field) if field else ("layers", last)
        shown = f"{shape[0]} numbers" if len(shape) == 1 else f"the shape {shape}"
        raise loaded.error(
            path,
            f"the output has {shown} a row, the target {target.name!r} has {wanted}",
            f"out_features: auto, or {target.size}",
        )


def choose_monitor(loaded: Loaded, metrics: Sequence[Metric], dataset: Dataset) -> tuple[str, bool]:
    """The metric that chooses the best checkpoint, and whether larger is better. Raises ConfigError for an unknown one."""
    from nntrain.config.suggest import closest

    config = loaded.config
    split = "val" if "val" in dataset.splits else "train"
    better = {f"{split}/loss": False, "train/loss": False}
    if split == "val":
        better |= {f"val/{getattr(m, 'type', '')}": m.better == "max" for m in metrics}
    stop = config.train.early_stop
    for path, name in (
        (("checkpoint", "best"), config.checkpoint.best),
        (("train", "early_stop", "monitor"), stop and stop.monitor),
        (("schedule", "monitor"), getattr(config.schedule, "monitor", None)),
    ):
        if name is not None and name not in better:
            near = closest(name, better)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(better)}"
            raise loaded.error(path, f"no metric is named {name!r}", hint)
    chosen = config.checkpoint.best or (stop and stop.monitor) or f"{split}/loss"
    return chosen, better[chosen]
