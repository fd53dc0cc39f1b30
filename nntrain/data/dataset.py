"""From rows to arrays: split first, fit on the training rows only, keep what was fitted for the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nntrain.backend.random import generator
from nntrain.data import columns as cols
from nntrain.data.raw import Raw, RawImages, RawTable, Rows
from nntrain.data.spec import DataSpec
from nntrain.errors import DataError

Array = np.ndarray[Any, Any]
MAX_CLASSES_OF_NUMBERS = 20


@dataclass(frozen=True)
class TargetInfo:
    """What is predicted: `kind` is "classes" or "number"; a number is (value - mean) / std inside the network."""

    kind: str
    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @property
    def size(self) -> int:
        """What `out_features: auto` becomes: the number of classes, or of numbers."""
        return len(self.classes) if self.kind == "classes" else 1

    def to_units(self, y: Array) -> Array:
        """Predictions of a number in the units of the data, float64; logits of classes as they are."""
        y = np.asarray(y, np.float64)
        return y * self.std + self.mean if self.kind == "number" else y


@dataclass(frozen=True)
class ImageScale:
    """Pixels become (value / scale - mean) / std, one mean and std for each channel."""

    shape: tuple[int, int, int]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, images: Array) -> Array:
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = (images.astype(np.float32) / np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(scaled, np.float32)


@dataclass(frozen=True)
class Fitted:
    """Everything that was learned from the training rows before training: it travels inside the checkpoint."""

    target: TargetInfo
    columns: tuple[cols.Column, ...] = ()
    image: ImageScale | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON data, exact to the last bit."""
        image = None if self.image is None else vars(self.image)
        return {"target": vars(self.target), "columns": [cols.to_json(c) for c in self.columns], "image": image}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fitted:
        """What `to_json` wrote."""
        target = TargetInfo(**{**data["target"], "classes": tuple(data["target"]["classes"])})
        image = data["image"] and ImageScale(
            tuple(data["image"]["shape"]),
            data["image"]["scale"],
            tuple(data["image"]["mean"]),
            tuple(data["image"]["std"]),
        )
        return cls(target, tuple(cols.from_json(c) for c in data["columns"]), image)


@dataclass(frozen=True)
class Split:
    """Rows ready for the network: inputs by name (rows first), targets, and the rows' numbers in the source."""

    inputs: Mapping[str, Array]
    target: Array
    ids: Rows

    @property
    def rows(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Batch:
    """Some rows of a split: their positions in it, and the place of the first in the epoch's order."""

    inputs: Mapping[str, Array]
    target: Array
    rows: Rows
    first: int


@dataclass(frozen=True)
class Dataset:
    """Splits, what was fitted, the hash of the data's bytes, and what the user should know about choices that were made."""

    splits: Mapping[str, Split]
    fitted: Fitted
    content_hash: str
    notes: tuple[str, ...] = field(default=())

    @property
    def target(self) -> TargetInfo:
        return self.fitted.target

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The shape of one row of each input."""
        any_split = next(iter(self.splits.values()))
        return {name: a.shape[1:] for name, a in any_split.inputs.items()}


def prepare(spec: DataSpec, *, seed: int, base: Path, fitted: Fitted | None = None) -> Dataset:
    """Read, split, fit on the training rows (unless `fitted` is given), and make arrays of every split.

    Raises DataError with file, line and column for data that does not fit.
    """
    raw = spec.source.read(base)
    digest = spec.source.content_hash(base)
    notes: list[str] = []
    kind, name = _target_kind(spec, raw, fitted, notes)
    numbers, classes = _class_numbers(raw, spec, name, fitted) if kind == "classes" else (None, ())
    rows = spec.split.rows(raw.rows, numbers, raw.fixed, seed)
    train = rows.get("train")
    if train is None:
        raise DataError(f"{raw.name}: {raw.rows} rows leave none to train on")
    if fitted is None:
        fitted = _fit(spec, raw, train, kind, name, classes, numbers)
    x = _inputs(raw, fitted)
    y = numbers if numbers is not None else _number_target(raw, fitted.target)
    splits = {n: Split({"x": np.ascontiguousarray(x[r])}, y[r], r) for n, r in rows.items()}
    return Dataset(splits, fitted, digest, tuple(notes))


def _target_kind(spec: DataSpec, raw: Raw, fitted: Fitted | None, notes: list[str]) -> tuple[str, str]:
    if isinstance(raw, RawImages):
        if spec.target is not None or spec.columns or spec.features is not None or spec.drop:
            raise DataError(
                f"{raw.name}: images bring their labels: 'target', 'columns', 'features' and 'drop' are for tables"
            )
        return "classes", "label"
    if spec.target is None:
        raise DataError(
            f"{raw.name}: which column is to be predicted? Set data.target to one of {_listed(raw.columns)}"
        )
    name = spec.target.column
    for wanted in (name, *spec.drop, *spec.columns):
        if wanted not in raw.columns:
            raise DataError(f"{raw.name}: no column {wanted!r}: {_nearest(wanted, raw.columns)}")
    if fitted is not None:
        return fitted.target.kind, name
    if spec.target.kind != "auto":
        return spec.target.kind, name
    column = raw.columns[name]
    values = np.unique(column[~cols.missing(column)])
    if not all(cols.is_number(v) for v in values):
        kind = "classes"
    else:
        whole = sorted(float(v) for v in values)
        kind = "classes" if whole == list(range(len(whole))) and len(whole) <= MAX_CLASSES_OF_NUMBERS else "number"
    notes.append(f"target {name!r} was taken for {'classes' if kind == 'classes' else 'a number'}")
    return kind, name


def _listed(names: Mapping[str, Any]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (f", ... ({len(shown)} columns)" if len(shown) > 12 else "")


def _nearest(name: str, names: Mapping[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {_listed(names)}"


def _class_numbers(raw: Raw, spec: DataSpec, name: str, fitted: Fitted | None) -> tuple[Rows, tuple[str, ...]]:
    if isinstance(raw, RawImages):
        assert raw.labels is not None
        return raw.labels, raw.classes
    column = np.char.strip(raw.columns[name])
    gone = cols.missing(column)
    if gone.any():
        row = int(gone.argmax())
        raise DataError(f"{raw.place(row)}: the target {name!r} has no value in {int(gone.sum())} rows: remove them")
    values = np.unique(column)
    if all(cols.is_number(v) for v in values):
        values = np.array(sorted(values, key=float))
    classes = fitted.target.classes if fitted is not None else tuple(str(v) for v in values)
    if len(classes) < 2:
        raise DataError(
            f"{raw.name}: the target {name!r} has one value only ({classes[0]!r}): there is nothing to learn"
        )
    index = {v: i for i, v in enumerate(classes)}
    unknown = [v for v in values if str(v) not in index]
    if unknown:
        row = int((column == unknown[0]).argmax())
        raise DataError(
            f"{raw.place(row)}: the target {name!r} has a class that the network does not know: {unknown[0]!r}"
        )
    return np.array([index[str(v)] for v in column], np.int64), classes


def _number_target(raw: Raw, target: TargetInfo) -> Array:
    assert isinstance(raw, RawTable)
    values = cols.numbers(raw, target.name)
    if np.isnan(values).any():
        row = int(np.isnan(values).argmax())
        count = int(np.isnan(values).sum())
        raise DataError(f"{raw.place(row)}: the target {target.name!r} has no value in {count} rows: remove them")
    return ((values - target.mean) / target.std).astype(np.float32)[:, None]


def _fit(
    spec: DataSpec, raw: Raw, train: Rows, kind: str, name: str, classes: tuple[str, ...], numbers: Rows | None
) -> Fitted:
    target = TargetInfo(kind, name, classes)
    if numbers is not None:
        absent = np.setdiff1d(np.unique(numbers), np.unique(numbers[train]))
        if len(absent):
            raise DataError(
                f"{raw.name}: the class {classes[absent[0]]!r} has no training row: give it more rows, or a smaller"
                " share to validation and test"
            )
    elif isinstance(raw, RawTable):
        values = cols.numbers(raw, name, train)
        values = values[~np.isnan(values)]
        std = float(values.std()) if values.size else 0.0
        if std == 0:
            raise DataError(f"{raw.name}: the target {name!r} has one value only: there is nothing to learn")
        target = TargetInfo(kind, name, (), float(values.mean()), std)
    if isinstance(raw, RawImages):
        return Fitted(target, (), _fit_images(raw.images[train], 255.0))
    features = [n for n in raw.columns if n != name and n not in spec.drop]
    if not features:
        raise DataError(f"{raw.name}: no column is left to learn from")
    if spec.features is not None:
        height, width, channels = spec.features.shape
        if height * width * channels != len(features):
            raise DataError(
                f"{raw.name}: data.features.shape {list(spec.features.shape)} needs {height * width * channels} columns,"
                f" there are {len(features)}"
            )
        pixels = np.stack([cols.numbers(raw, n, train) for n in features], axis=1)
        return Fitted(
            target,
            tuple(cols.Numeric(n, 0.0, 1.0, False) for n in features),
            _fit_images(pixels.reshape(-1, height, width, channels), spec.features.scale),
        )
    kinds = {n: spec.columns.get(n) or cols.infer(raw, n) for n in features}
    return Fitted(target, tuple(cols.FIT[k](raw, n, train) for n, k in kinds.items()))


def _fit_images(images: Array, scale: float) -> ImageScale:
    flat = images.reshape(-1, images.shape[-1]).astype(np.float64) / scale
    std = [float(s) if s > 0 else 1.0 for s in flat.std(axis=0)]
    return ImageScale(tuple(images.shape[1:]), scale, tuple(float(m) for m in flat.mean(axis=0)), tuple(std))


def _inputs(raw: Raw, fitted: Fitted) -> Array:
    if isinstance(raw, RawImages):
        assert fitted.image is not None
        if raw.images.shape[1:] != fitted.image.shape:
            raise DataError(
                f"{raw.name}: images of shape {raw.images.shape[1:]}, the network was made for {fitted.image.shape}"
            )
        return fitted.image.apply(raw.images)
    for column in fitted.columns:
        if column.name not in raw.columns:
            raise DataError(f"{raw.name}: no column {column.name!r}, which the network needs")
    if fitted.image is not None:
        pixels = np.stack([cols.numbers(raw, c.name) for c in fitted.columns], axis=1)
        gone = np.isnan(pixels)
        if gone.any():
            row, column_number = np.argwhere(gone)[0]
            raise DataError(
                f"{raw.place(int(row))}: column {fitted.columns[column_number].name!r}: a pixel has no value"
            )
        return fitted.image.apply(pixels.reshape(-1, *fitted.image.shape))
    parts = [part for column in fitted.columns for part in column.apply(raw)]
    return np.stack(parts, axis=1).astype(np.float32)


def batches(
    split: Split, batch_size: int, *, seed: int = 0, epoch: int = 0, shuffle: bool = False, start: int = 0
) -> Iterator[Batch]:
    """The rows of a split in pieces, from piece number `start` on; the last may be smaller.

    The order is a function of seed and epoch alone.
    """
    order = generator(seed, "order", epoch).permutation(split.rows) if shuffle else np.arange(split.rows)
    for first in range(start * batch_size, split.rows, batch_size):
        rows = order[first : first + batch_size]
        yield Batch({n: a[rows] for n, a in split.inputs.items()}, split.target[rows], rows, first)
