"""Small problems whose answers are known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import nntrain
from nntrain import nn, optim

ROOT = Path(__file__).resolve().parents[2]


def test_a_bigram_model_reaches_its_closed_form_optimum() -> None:
    """The best table of logits is the logarithm of the counts' shares; its loss is the conditional entropy."""
    text = gzip.decompress((ROOT / "datasets/kjv.txt.gz").read_bytes())[:20_000]
    letters, codes = np.unique(np.frombuffer(text, np.uint8), return_inverse=True)
    n = len(letters)
    counts = np.zeros((n, n))
    np.add.at(counts, (codes[:-1], codes[1:]), 1)
    # a count of each pair more than seen keeps the optimum finite
    counts += 0.5
    shares = counts / counts.sum(axis=1, keepdims=True)
    best = -(counts * np.log(shares)).sum() / counts.sum()

    table = nntrain.zeros(n, n, dtype=np.float64, requires_grad=True)
    weights = nntrain.tensor(counts / counts.sum())
    optimizer = optim.LBFGS([table], max_iter=500, max_eval=2000, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def closure() -> nntrain.Tensor:
        optimizer.zero_grad()
        loss = -(weights * table.log_softmax(-1)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert float(closure()) == pytest.approx(best, abs=1e-6)


def test_a_linear_autoencoder_reaches_the_error_of_principal_components() -> None:
    rng = np.random.default_rng(0)
    data = (
        rng.standard_normal((200, 8)) * np.array([5, 4, 3, 1, 0.5, 0.4, 0.3, 0.2]) @ rng.standard_normal((8, 8)) * 0.3
    )
    data -= data.mean(axis=0)
    singular = np.linalg.svd(data, compute_uv=False)
    best = (singular[3:] ** 2).sum() / data.size
    nntrain.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 3, bias=False, dtype="float64"), nn.Linear(3, 8, bias=False, dtype="float64"))
    x = nntrain.tensor(data)
    optimizer = optim.LBFGS(
        model.parameters(), max_iter=500, max_eval=2000, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure() -> nntrain.Tensor:
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(x), x)
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    assert float(closure()) == pytest.approx(best, rel=1e-5)


def test_a_gru_solves_the_adding_problem() -> None:
    """Two of thirty numbers are marked; their sum is asked for (Hochreiter & Schmidhuber 1997)."""
    nntrain.manual_seed(1)
    rng = np.random.default_rng(1)
    gru, head = nn.GRU(2, 48, returns="last"), nn.Linear(48, 1)
    optimizer = optim.Adam([*gru.parameters(), *head.parameters()], lr=5e-3)
    losses = []
    for _ in range(400):
        values = rng.random((64, 30)).astype(np.float32)
        marks = np.zeros((64, 30), np.float32)
        for row in marks:
            row[rng.choice(30, 2, replace=False)] = 1
        target = (values * marks).sum(axis=1, keepdims=True)
        loss = nn.MSELoss()(head(gru(nntrain.tensor(np.stack([values, marks], axis=2)))), target)
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(gru.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.item()))
    assert np.mean(losses[-20:]) < 0.01


@pytest.mark.slow
def test_addition_modulo_47_is_understood_with_decoupled_decay_alone() -> None:
    """Power et al. 2022, arXiv:2201.02177: decay of 1.0 apart from the gradient generalises, the same L2 in it does not."""

    def accuracy(rule: type) -> float:
        nntrain.manual_seed(0)
        pairs = np.array([(a, b) for a in range(47) for b in range(47)])
        order = np.random.default_rng(0).permutation(len(pairs))
        train, test = pairs[order[:1300]], pairs[order[1300:]]
        embed, body, head = nn.Embedding(47, 64), nn.Linear(128, 128), nn.Linear(128, 47)
        modules = nn.Sequential(embed, body, head)
        optimizer = rule(modules.parameters(), lr=3e-3, weight_decay=1.0)

        def logits(rows: np.ndarray) -> nntrain.Tensor:
            return head(body(embed(nntrain.tensor(rows)).flatten(1)).relu())

        for _ in range(3000):
            loss = nn.CrossEntropyLoss()(logits(train), nntrain.tensor(train.sum(axis=1) % 47))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float((np.asarray(logits(test)).argmax(-1) == test.sum(axis=1) % 47).mean())

    assert accuracy(optim.AdamW) >= 0.99
    assert accuracy(optim.Adam) < 0.5
