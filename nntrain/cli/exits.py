"""The one table of exit codes: the command line returns them, the README and the tests read them here."""

from __future__ import annotations

from enum import IntEnum

from nntrain import errors


class Exit(IntEnum):
    """What the process returns. The text beside each number is what the documentation prints."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "done"
    BUG = 1, "a bug in nntrain"
    CONFIG = 2, "usage or config; a refused resume too"
    DATA = 3, "a data or checkpoint file"
    DIVERGED = 4, "training diverged"
    MEMORY = 5, "out of memory"
    CHECK = 6, "a check failed"
    MACHINE = 7, "the machine: disk, permission, lock, device, missing extra"
    INTERRUPTED = 130, "SIGINT, saved"
    KILLED = 137, "stopped by a second signal, nothing more saved"
    TERMINATED = 143, "SIGTERM, saved"


BY_ERROR: dict[type[errors.NNTrainError], Exit] = {
    errors.ConfigError: Exit.CONFIG,
    errors.DataError: Exit.DATA,
    errors.CheckpointError: Exit.DATA,
    errors.DivergedError: Exit.DIVERGED,
    errors.OutOfMemoryError: Exit.MEMORY,
    errors.CheckFailedError: Exit.CHECK,
    errors.MachineError: Exit.MACHINE,
}


def code_of(error: BaseException) -> Exit:
    """The exit code of an error: by the nearest class in the table, BUG for what no user can cause."""
    for cls in type(error).__mro__:
        if cls in BY_ERROR:
            return BY_ERROR[cls]
    if isinstance(error, MemoryError):
        return Exit.MEMORY
    return Exit.MACHINE if isinstance(error, OSError) else Exit.BUG
