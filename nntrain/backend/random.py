"""Counter-based random bits: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

A draw is a pure function of (key, step, row, element), so a mask does not depend on micro-batch, rank, worker or device,
needs no storage, and a resumed run draws what the uninterrupted one would have.
"""

from __future__ import annotations

import hashlib
from types import ModuleType
from typing import Any

import numpy as np

from nntrain.backend.base import Array

MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
LOW = 0xFFFFFFFF


def stream_key(seed: int, *path: str | int) -> tuple[int, int]:
    """Two 32-bit words that name a stream: the hash of the seed and, say, a layer's path and the call's number."""
    text = "\x1f".join([str(seed), *map(str, path)]).encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A host generator for a named purpose (initial values, shuffles, splits), independent of every other purpose."""
    low, high = stream_key(seed, *path)
    return np.random.Generator(np.random.Philox(key=low | high << 32))


def philox(
    xp: ModuleType, key: tuple[int, int], c0: Array, c1: Array, c2: Array, c3: Array
) -> tuple[Array, Array, Array, Array]:
    """Ten rounds over four words of counter, given and returned as uint64 arrays that hold 32-bit values."""
    k0, k1 = key
    m0, m1 = xp.uint64(MULTIPLIER_0), xp.uint64(MULTIPLIER_1)
    low, shift = xp.uint64(LOW), xp.uint64(32)
    for _ in range(ROUNDS):
        p0, p1 = c0 * m0, c2 * m1
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ xp.uint64(k0), p1 & low, (p0 >> shift) ^ c3 ^ xp.uint64(k1), p0 & low
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return c0, c1, c2, c3


def bits(xp: ModuleType, key: tuple[int, int], counter: Array, shape: tuple[int, ...]) -> Array:
    """32 random bits for each element of `shape` = (rows, ...), as uint32.

    `counter` holds three uint32 words: the step (low, high) and the global number of the first row. The four words that
    one block gives are the elements 4b to 4b+3 of a row.
    """
    rows = shape[0] if shape else 1
    width = int(np.prod(shape[1:], dtype=np.int64))
    blocks = -(-width // 4)
    words = counter.astype(xp.uint64)
    block = xp.broadcast_to(xp.arange(blocks, dtype=xp.uint64)[None, :], (rows, blocks))
    row = xp.broadcast_to((xp.arange(rows, dtype=xp.uint64) + words[2])[:, None] & xp.uint64(LOW), (rows, blocks))
    step_low = xp.broadcast_to(words[0], (rows, blocks))
    step_high = xp.broadcast_to(words[1], (rows, blocks))
    drawn = xp.stack(philox(xp, key, block, row, step_low, step_high), axis=-1)
    return drawn.reshape(rows, blocks * 4)[:, :width].astype(xp.uint32).reshape(shape)


def counter(step: int, row: int = 0) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The three words that `bits` reads: step (low, high) and the first row."""
    return np.array([step & LOW, step >> 32 & LOW, row & LOW], dtype=np.uint32)


class _Default:
    """The stream of everything that Python code draws without a trainer: initial values, `randn`, dropout."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.host = generator(seed, "nntrain.random")
        self.draws = 0

    def next_counter(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The counter of the next draw."""
        self.draws += 1
        return counter(self.draws)


default = _Default(0)


def manual_seed(seed: int) -> None:
    """Seed everything that Python code draws: `randn`, initial values of modules, dropout outside of a trainer."""
    default.__init__(seed)  # type: ignore[misc]


def host_generator() -> np.random.Generator:
    """The NumPy generator that `manual_seed` seeds."""
    return default.host
