"""What the compiled kernels stand on: numba's thread pool, its cache, and BLAS called from inside a parallel loop.

One pool of threads: OpenBLAS is limited to one thread and called inside numba's parallel loops, through the functions that
scipy exports for Cython, so a bias or an activation can run on a tile while it is in cache. A named symbol keeps numba's
cache working, where a ctypes pointer would disable it. Imported when the first kernel runs, not before.
"""

from __future__ import annotations

import ctypes.util
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import scipy.linalg.cython_blas
import threadpoolctl
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic, overload

# no 'nnan' and 'ninf' among them: they delete the checks for NaN and infinity
MATH = {"contract", "reassoc", "arcp", "nsz"}


def _choose_cache() -> None:
    """A folder numba can write: the user's choice, the package, the user's cache, or a temporary one."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    package = Path(__file__).resolve().parent / "__pycache__"
    if os.access(package if package.exists() else package.parent, os.W_OK):
        return
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nntrain"
    try:
        user.mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(user)
    except OSError:
        numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="nntrain-")
        print("no folder to keep compiled kernels in: they are compiled anew each time", file=sys.stderr)


def _choose_layer() -> str:
    """OpenMP where the system has it: its empty loop costs 2 microseconds, numba's own layer 50 times more."""
    layer = "omp" if ctypes.util.find_library("gomp") or sys.platform == "darwin" else "workqueue"
    numba.config.THREADING_LAYER = os.environ.get("NUMBA_THREADING_LAYER", layer)
    return str(numba.config.THREADING_LAYER)


_choose_cache()
LAYER = _choose_layer()
THREADS: int = min(
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, numba.config.NUMBA_NUM_THREADS
)
numba.set_num_threads(THREADS)
_blas_limit = threadpoolctl.threadpool_limits(1, "blas")
_entered = threading.Lock()  # numba's own layer aborts the process when two threads enter


def _symbol(name: str) -> None:
    signature = scipy.linalg.cython_blas.__pyx_capi__[name]
    if "int *" not in repr(signature):
        raise ImportError(f"scipy's {name} does not take C ints: {signature!r}")
    llvmlite.binding.add_symbol(f"nntrain_{name}", get_cython_function_address("scipy.linalg.cython_blas", name))


_symbol("sgemm")
_symbol("dgemm")
_gemm_type = types.void(*([types.uintp] * 13))
_sgemm = types.ExternalFunction("nntrain_sgemm", _gemm_type)
_dgemm = types.ExternalFunction("nntrain_dgemm", _gemm_type)


@intrinsic
def _address(context, value):
    """The address of a copy of a number, for a function that takes pointers."""

    def generate(target, builder, signature, arguments):
        return builder.ptrtoint(cgutils.alloca_once_value(builder, arguments[0]), cgutils.intp_t)

    return types.uintp(value), generate


def gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """c (m, n) = op(a) op(b) + beta c for row-major arrays that begin at the first element; ld* are row strides."""
    raise NotImplementedError("compiled code alone calls this")


@overload(gemm)
def _gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc):
    function, real = (_sgemm, np.float32) if a.dtype == types.float32 else (_dgemm, np.float64)

    def call(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc):
        # BLAS is column-major: c^T = op(b)^T op(a)^T; 78 is 'N', 84 is 'T'
        function(
            _address(np.uint8(78 + 6 * tb)),
            _address(np.uint8(78 + 6 * ta)),
            _address(np.int32(n)),
            _address(np.int32(m)),
            _address(np.int32(k)),
            _address(real(1)),
            np.uintp(b.ctypes.data),
            _address(np.int32(ldb)),
            np.uintp(a.ctypes.data),
            _address(np.int32(lda)),
            _address(real(beta)),
            np.uintp(c.ctypes.data),
            _address(np.int32(ldc)),
        )

    return call


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a driver of a parallel loop, once for each machine."""
    compiled = njit(parallel=True, fastmath=MATH, cache=True, error_model="numpy", nogil=True)(function)
    announced = False

    def call(*arguments: Any) -> Any:
        nonlocal announced
        if not announced:
            announced = True
            _announce(compiled)
        with _entered:
            return compiled(*arguments)

    return call


def body(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a serial function that kernels call."""
    return njit(fastmath=MATH, cache=True, error_model="numpy", nogil=True)(function)


_said = False


def _announce(compiled: Any) -> None:
    """Say once that the first run compiles, where there is nothing in the cache."""
    global _said
    path = Path(compiled._cache.cache_path)
    known = path.exists() and any(path.glob(f"*{compiled.py_func.__name__}-*.nbi"))
    if not known and not _said:
        _said = True
        print("compiling kernels for this CPU (once)", file=sys.stderr)


def chunk(total: int) -> int:
    """How many of `total` items each thread takes."""
    return -(-total // THREADS)


__all__ = ["LAYER", "THREADS", "body", "chunk", "gemm", "kernel", "prange"]
