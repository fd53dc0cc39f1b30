"""What becomes of a column: its kind, and how its text turns into numbers once that is fitted on the training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from nntrain.data.raw import RawTable, Rows, Strings
from nntrain.errors import DataError

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?")
Kind = Literal["numeric", "categorical"]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def missing(column: Strings) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a column has no value."""
    return np.isin(np.char.strip(column), MISSING)


def numbers(raw: RawTable, name: str, rows: Rows | None = None) -> Floats:
    """A column as float64, NaN where it has no value. DataError with the line where a text is not a number."""
    column = raw.columns[name] if rows is None else raw.columns[name][rows]
    gone = missing(column)
    found = np.full(len(column), np.nan)
    try:
        found[~gone] = column[~gone].astype(np.float64)
    except ValueError:
        for at in np.flatnonzero(~gone):
            if not is_number(column[at]):
                row = int(at if rows is None else rows[at])
                raise DataError(
                    f"{raw.place(row)}: column {name!r}: {str(column[at])!r} is not a number"
                    f" (or set columns: {{{name}: categorical}})"
                ) from None
        raise
    infinite = np.isinf(found) | (np.abs(np.nan_to_num(found)) > np.finfo(np.float32).max)
    if infinite.any():
        i = int(infinite.argmax())
        row = int(i if rows is None else rows[i])
        raise DataError(f"{raw.place(row)}: column {name!r}: {column[i]} does not fit into float32")
    return found


def is_number(text: str) -> bool:
    """True for what float() reads."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def infer(raw: RawTable, name: str) -> Kind:
    """The kind of a column that the config does not name. DataError where the column should be looked at first."""
    column = raw.columns[name]
    given = column[~missing(column)]
    distinct = np.unique(given)
    numeric = [is_number(v) for v in distinct]
    if all(numeric):
        return "numeric"
    if sum(numeric) >= 0.9 * len(numeric) and len(numeric) > 10:
        numbers(raw, name)  # raises with the line of the text
    if len(distinct) > 50 and len(distinct) > 0.2 * len(given):
        raise DataError(
            f"{raw.name}: column {name!r} has {len(distinct)} different texts in {len(given)} rows, too many to learn from:"
            f" leave it out (drop: [{name}]) or force it (columns: {{{name}: categorical}})"
        )
    return "categorical"


@dataclass(frozen=True)
class Numeric:
    """A number: missing values become the training mean (with an indicator where training rows miss some), then scaled."""

    name: str
    mean: float
    std: float
    indicator: bool
    kind: Literal["numeric"] = "numeric"

    @classmethod
    def fit(cls, raw: RawTable, name: str, rows: Rows) -> Numeric:
        values = numbers(raw, name, rows)
        known = values[~np.isnan(values)]
        mean = float(known.mean()) if known.size else 0.0
        std = float(known.std()) if known.size else 0.0
        return cls(name, mean, std if std > 0 else 1.0, bool(np.isnan(values).any()))

    def apply(self, raw: RawTable) -> list[Floats]:
        values = numbers(raw, self.name)
        gone = np.isnan(values)
        scaled = np.where(gone, 0.0, (values - self.mean) / self.std)
        return [scaled, gone.astype(np.float64)] if self.indicator else [scaled]

    def names(self) -> list[str]:
        return [self.name, f"{self.name} missing"] if self.indicator else [self.name]


@dataclass(frozen=True)
class Categorical:
    """A text: one number for each value that training rows have, "missing" among them; another value is all zeros."""

    name: str
    values: tuple[str, ...]
    missing: bool
    kind: Literal["categorical"] = "categorical"

    @classmethod
    def fit(cls, raw: RawTable, name: str, rows: Rows) -> Categorical:
        column = np.char.strip(raw.columns[name][rows])
        gone = missing(column)
        return cls(name, tuple(str(v) for v in np.unique(column[~gone])), bool(gone.any()))

    def apply(self, raw: RawTable) -> list[Floats]:
        column = np.char.strip(raw.columns[self.name])
        gone = missing(column)
        found = [((column == v) & ~gone).astype(np.float64) for v in self.values]
        return [*found, gone.astype(np.float64)] if self.missing else found

    def names(self) -> list[str]:
        found = [f"{self.name}={v}" for v in self.values]
        return [*found, f"{self.name} missing"] if self.missing else found


Column = Numeric | Categorical
FIT: dict[str, Callable[[RawTable, str, Rows], Column]] = {"numeric": Numeric.fit, "categorical": Categorical.fit}


def to_json(column: Column) -> dict[str, Any]:
    """As JSON data; `from_json` reads it back, equal to the last bit."""
    return asdict(column)


def from_json(data: dict[str, Any]) -> Column:
    """What `to_json` wrote."""
    if data["kind"] == "numeric":
        return Numeric(**data)
    return Categorical(**{**data, "values": tuple(data["values"])})
