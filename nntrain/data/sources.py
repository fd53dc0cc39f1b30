"""Sources: where rows come from. A source is one class: its fields, the files it reads, and `read`."""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from nntrain.component import Component
from nntrain.data.raw import Raw, RawImages, RawTable
from nntrain.errors import DataError, MachineError

MAX_FIELD = 1_000_000


class Source(Component, kind="source"):
    """Base of all sources."""

    def files(self, base: Path) -> list[Path]:
        """The files that are read, for their hash."""
        raise NotImplementedError

    def read(self, base: Path) -> Raw:
        """All rows. DataError with file and line for what cannot be read."""
        raise NotImplementedError

    def content_hash(self, base: Path) -> str:
        """SHA-256 over the bytes of all files, in order."""
        digest = hashlib.sha256()
        for path in self.files(base):
            data = read_bytes(path)
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. DataError where it is missing, MachineError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = _similar(path)
        raise DataError(f"{path}: no such data file{f': did you mean {near}?' if near else ''}") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a file is expected, this is a folder") from None
    except OSError as error:
        raise MachineError(f"{path}: {error.strerror}") from None


def _similar(path: Path) -> str:
    import difflib

    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return ""
    found = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return str(path.parent / found[0]) if found else ""


def unpack(path: Path, data: bytes) -> bytes:
    """The content of a file that may be gzipped; the first bytes decide, not the name."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{path}: a damaged gzip file") from None


class CsvSource(Source):
    """A table of text: CSV, plain or gzipped, with a header line."""

    type: Literal["csv"] = "csv"
    path: str = Field(description="the file, relative to the config")
    delimiter: str = Field(",", min_length=1, max_length=1, description="what separates the fields")
    encoding: str = Field("utf-8", description="encoding of the text")
    test_path: str | None = Field(None, description="a file of the same columns whose rows are the test split")

    def files(self, base: Path) -> list[Path]:
        return [base / p for p in (self.path, self.test_path) if p is not None]

    def read(self, base: Path) -> RawTable:
        tables = [self._read_one(path) for path in self.files(base)]
        first = tables[0]
        if len(tables) == 1:
            return first
        test = tables[1]
        if list(test.columns) != list(first.columns):
            raise DataError(f"{test.name}: the columns are not those of {first.name}")
        joined = {n: np.concatenate([first.columns[n], test.columns[n]]) for n in first.columns}
        rows = np.arange(first.rows, first.rows + test.rows)
        return RawTable(first.name, joined, np.concatenate([first.lines, test.lines]), {"test": rows})

    def _read_one(self, path: Path) -> RawTable:
        data = unpack(path, read_bytes(path))
        if b"\x00" in data:
            line = data[: data.index(b"\x00")].count(b"\n") + 1
            raise DataError(f"{path}:{line}: a NUL byte: this is not a text file")
        encoding = "utf-8-sig" if self.encoding.lower() in ("utf-8", "utf8") else self.encoding
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise DataError(f"{path}:{line}: not {self.encoding}: set the source's encoding, such as latin-1") from None
        except LookupError:
            raise DataError(f"{path}: the encoding {self.encoding!r} is not known") from None
        return parse_csv(str(path), text, self.delimiter)


def parse_csv(name: str, text: str, delimiter: str) -> RawTable:
    """Columns of text with their names, and the line each row ends on. DataError with the line for what is malformed."""
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        header = next(reader, None)
        if header is None or not any(cell.strip() for cell in header):
            raise DataError(f"{name}: the file is empty" if not text.strip() else f"{name}:1: the header line is empty")
        names = _column_names(name, header)
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise DataError(f"{name}:{reader.line_num}: {len(row)} fields, the header has {len(names)}")
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: {error}") from None
    if not rows:
        raise DataError(f"{name}: a header, but no rows")
    columns = {n: np.array(values) for n, values in zip(names, zip(*rows, strict=True), strict=True)}
    return RawTable(name, columns, np.array(lines, np.int64))


def _column_names(name: str, header: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in header]
    if names[0] == "" and all(names[1:]):
        names[0] = "index"  # what pandas writes above the row numbers
    for i, cell in enumerate(names):
        if not cell:
            raise DataError(f"{name}:1: column {i + 1} has no name")
        if cell in names[:i]:
            raise DataError(f"{name}:1: two columns are named {cell!r}")
    return names


class IdxSource(Source):
    """Images and labels in IDX files, plain or gzipped: MNIST, Fashion-MNIST (http://yann.lecun.com/exdb/mnist).

    `path` is a folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and, for the test split, `t10k-...`.
    """

    type: Literal["idx"] = "idx"
    path: str = Field(description="the folder, relative to the config")
    classes: tuple[str, ...] = Field((), description="names of the classes; their numbers where not given")

    def files(self, base: Path) -> list[Path]:
        folder = base / self.path
        if not folder.is_dir():
            near = _similar(folder)
            raise DataError(f"{folder}: no such folder of IDX files{f': did you mean {near}?' if near else ''}")
        found = [_idx_file(folder, stem) for stem in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")]
        test = [_idx_file(folder, stem, False) for stem in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
        return [f for f in found + test if f is not None]

    def read(self, base: Path) -> RawImages:
        files = self.files(base)
        images = [read_idx(f, 3) for f in files[0::2]]
        labels = [read_idx(f, 1) for f in files[1::2]]
        for image, label, f in zip(images, labels, files[1::2], strict=True):
            if len(image) != len(label):
                raise DataError(f"{f}: {len(label)} labels for {len(image)} images")
        joined = np.concatenate(images)[..., None]
        numbers = np.concatenate(labels).astype(np.int64)
        count = max(int(numbers.max(initial=-1)) + 1, len(self.classes))
        if self.classes and count > len(self.classes):
            raise DataError(f"{files[1]}: a label {count - 1}, but only {len(self.classes)} classes are named")
        names = self.classes or tuple(str(i) for i in range(count))
        fixed = {"test": np.arange(len(images[0]), len(joined))} if len(images) > 1 else {}
        return RawImages(str(base / self.path), joined, numbers, names, fixed)


def _idx_file(folder: Path, stem: str, needed: bool = True) -> Path | None:
    for name in (stem, stem + ".gz", stem.replace("-idx", ".idx"), stem.replace("-idx", ".idx") + ".gz"):
        if (folder / name).is_file():
            return folder / name
    if needed:
        raise DataError(f"{folder}: no file {stem} or {stem}.gz")
    return None


def read_idx(path: Path, axes: int) -> np.ndarray[Any, Any]:
    """An IDX file of unsigned bytes. DataError where the header is wrong or the size is not what it says."""
    data = unpack(path, read_bytes(path))
    if len(data) < 4 + 4 * axes or data[:2] != b"\x00\x00" or data[2] != 8 or data[3] != axes:
        raise DataError(f"{path}: not an IDX file of unsigned bytes with {axes} axes")
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    start = 4 + 4 * axes
    size = 1
    for n in shape:
        size *= n
    if len(data) - start != size:
        raise DataError(f"{path}: the header says {size} bytes of data, the file has {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
