"""Tables: what is read, what is fitted, on which rows, and what is refused with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from nntrain.data import Dataset, DataSpec, Fitted, batches, prepare
from nntrain.errors import DataError

ROWS = "\n".join(f"{i},{i * 0.5 - 3},{'abc'[i % 3]},{'yes' if i % 2 else 'no'}" for i in range(40))
TABLE = f"n,x,letter,answer\n{ROWS}\n"


def make(tmp_path: Path, text: str | bytes, seed: int = 0, fitted: Fitted | None = None, **data: object) -> Dataset:
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    spec = DataSpec.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "answer", **data})
    return prepare(spec, seed=seed, base=tmp_path, fitted=fitted)


def test_splits_share_no_row_and_miss_none(tmp_path: Path) -> None:
    dataset = make(tmp_path, TABLE)
    ids = np.concatenate([s.ids for s in dataset.splits.values()])
    assert sorted(ids) == list(range(40))
    assert {n: s.rows for n, s in dataset.splits.items()} == {"train": 28, "val": 6, "test": 6}


def test_each_split_has_its_share_of_every_class(tmp_path: Path) -> None:
    dataset = make(tmp_path, TABLE)
    for split in dataset.splits.values():
        assert split.target.mean() == 0.5


def test_the_split_is_a_function_of_the_seed(tmp_path: Path) -> None:
    a, b, c = (make(tmp_path, TABLE, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.splits["test"].ids, b.splits["test"].ids)
    assert list(a.splits["test"].ids) != list(c.splits["test"].ids)


def test_preprocessing_sees_training_rows_alone(tmp_path: Path) -> None:
    """A value that only a test row has changes nothing that was fitted."""
    dataset = make(tmp_path, TABLE)
    row = int(dataset.splits["test"].ids[0])
    lines = TABLE.splitlines()
    n, _, _, answer = lines[row + 1].split(",")
    lines[row + 1] = f"{n},1000000,zzz,{answer}"
    changed = make(tmp_path, "\n".join(lines) + "\n")
    assert changed.fitted == dataset.fitted
    np.testing.assert_array_equal(changed.splits["train"].inputs["x"], dataset.splits["train"].inputs["x"])


def test_training_columns_have_mean_0_and_deviation_1(tmp_path: Path) -> None:
    x = make(tmp_path, TABLE).splits["train"].inputs["x"]
    np.testing.assert_allclose(x[:, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x[:, :2].std(axis=0), 1, atol=1e-6)


def test_categories_are_one_hot_and_an_unknown_one_is_all_zeros(tmp_path: Path) -> None:
    dataset = make(tmp_path, TABLE)
    assert dataset.inputs == {"x": (5,)}
    later = make(tmp_path, TABLE.replace(",a,", ",new,"), fitted=dataset.fitted)
    rows = later.splits["train"].inputs["x"][:, 2:]
    assert set(rows.sum(axis=1)) == {0.0, 1.0}


def test_missing_values_become_the_training_mean_with_an_indicator(tmp_path: Path) -> None:
    lines = TABLE.splitlines()
    train = make(tmp_path, TABLE).splits["train"].ids
    for row in train[:3]:
        n, _, letter, answer = lines[row + 1].split(",")
        lines[row + 1] = f"{n},NA,{letter},{answer}"
    dataset = make(tmp_path, "\n".join(lines) + "\n")
    x = dataset.splits["train"].inputs["x"]
    assert dataset.inputs == {"x": (6,)}
    np.testing.assert_array_equal(x[:3, 1], 0)
    np.testing.assert_array_equal(x[:4, 2], [1, 1, 1, 0])


def test_numbers_come_back_in_their_units(tmp_path: Path) -> None:
    dataset = make(tmp_path, TABLE, target="x", drop=("answer",))
    assert dataset.target.kind == "number"
    split = dataset.splits["val"]
    np.testing.assert_allclose(dataset.target.to_units(split.target)[:, 0], split.ids * 0.5 - 3, atol=1e-5)


def test_fitted_survives_json_to_the_last_bit(tmp_path: Path) -> None:
    for target in ("answer", "x"):
        fitted = make(tmp_path, TABLE, target=target).fitted
        assert Fitted.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_gzip_crlf_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    plain = make(tmp_path, TABLE)
    for text in (gzip.compress(TABLE.encode()), TABLE.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + TABLE.encode()):
        np.testing.assert_array_equal(
            make(tmp_path, text).splits["train"].inputs["x"], plain.splits["train"].inputs["x"]
        )


def test_latin_1_by_name(tmp_path: Path) -> None:
    text = TABLE.replace(",a,", ",\xe4,").encode("latin-1")
    with pytest.raises(DataError, match=r"t\.csv:2: not utf-8"):
        make(tmp_path, text)
    assert make(tmp_path, text, source={"type": "csv", "path": "t.csv", "encoding": "latin-1"}).inputs == {"x": (5,)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("n,answer\n", "a header, but no rows"),
        ("n,answer\n1,a\n2\n3,b\n", r"t\.csv:3: 1 fields, the header has 2"),
        ("n,answer\n1,a\n2,b,c\n", r"t\.csv:3: 3 fields, the header has 2"),
        ("n,n,answer\n1,2,a\n", "two columns are named 'n'"),
        ("n,,answer\n1,2,a\n", "column 2 has no name"),
        ("n,answer\n1,a\n2,a\n3,a\n", "one value only"),
        ("n,answer\n1,a\n2,\n3,b\n", r"t\.csv:3: the target 'answer' has no value in 1 row"),
        ("n,answer\n1,a\x00\n", "NUL byte"),
        ('n,answer\n1,"a\n2,b\n', r"t\.csv:3"),
        ("n,other\n1,a\n", r"no column 'answer'"),
        ("n,anwser\n1,a\n", r"did you mean anwser"),
        (TABLE.replace("\n7,", "\n7x,"), r"t\.csv:9: column 'n': '7x' is not a number"),
        (TABLE.replace("\n7,", "\n1e308,"), r"t\.csv:9: column 'n': 1e308 does not fit into float32"),
        ("answer\n" + "a\nb\n" * 20, "no column is left"),
        (
            "id,answer\n" + "".join(f"k{i},{'ab'[i % 2]}\n" for i in range(200)),
            r"'id' has 200 different texts.*drop: \[id\]",
        ),
        (b"\x1f\x8b damaged", "damaged gzip"),
    ],
)
def test_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        make(tmp_path, text)


def test_text_in_a_column_said_to_be_numeric(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv:2: column 'letter': 'a' is not a number"):
        make(tmp_path, TABLE, columns={"letter": "numeric"})


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    spec = DataSpec.model_validate({"source": {"type": "csv", "path": "tabel.csv"}, "target": "answer"})
    with pytest.raises(DataError, match=r"no such data file: did you mean .*table\.csv"):
        prepare(spec, seed=0, base=tmp_path)


def test_an_unnamed_first_column_is_the_index(tmp_path: Path) -> None:
    dataset = make(tmp_path, TABLE.replace("n,x", ",x", 1))
    assert dataset.fitted.columns[0].name == "index"


def test_columns_make_images(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i + 1},{i + 2},{i + 3},{i % 2}" for i in range(20))
    data = {"target": "t", "features": {"shape": [2, 2, 1], "scale": 16.0}}
    file = tmp_path / "t.csv"
    file.write_text(f"a,b,c,d,t\n{rows}\n")
    spec = DataSpec.model_validate({"source": {"type": "csv", "path": "t.csv"}, **_tuples(data)})
    dataset = prepare(spec, seed=0, base=tmp_path)
    assert dataset.inputs == {"x": (2, 2, 1)}
    assert dataset.target.kind == "classes"
    with pytest.raises(DataError, match="needs 6 columns, there are 4"):
        prepare(
            spec.model_copy(update={"features": spec.features.model_copy(update={"shape": (2, 3, 1)})}),
            seed=0,
            base=tmp_path,
        )


def _tuples(value: object) -> object:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(value) if isinstance(value, list) else value


def test_batches_cover_every_row_once_in_an_order_of_seed_and_epoch(tmp_path: Path) -> None:
    split = make(tmp_path, TABLE).splits["train"]

    def order(**options: int) -> list[int]:
        return [int(i) for b in batches(split, 8, shuffle=True, **options) for i in b.rows]

    assert sorted(order(seed=1, epoch=0)) == list(range(28))
    assert order(seed=1, epoch=0) == order(seed=1, epoch=0)
    assert order(seed=1, epoch=0) != order(seed=1, epoch=1)
    assert order(seed=1, epoch=0)[16:] == order(seed=1, epoch=0, start=2)
    assert [len(b.rows) for b in batches(split, 8)] == [8, 8, 8, 4]
