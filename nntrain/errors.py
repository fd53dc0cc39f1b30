"""What can go wrong for a user, as exceptions. The exit code of each is in the table of `nntrain.cli.exits`.

A message is complete: it says what is wrong, where, and what to do. The command line prints it and no traceback.
Imported by every room; imports nothing of ours.
"""


class NNTrainError(Exception):
    """Base of every error that a user can cause or the machine can impose."""


class ConfigError(NNTrainError):
    """A config, option or network description is wrong."""


class DataError(NNTrainError):
    """A data file is missing, malformed or unfit for the task."""


class CheckpointError(NNTrainError):
    """A checkpoint file is missing, damaged or does not fit."""


class DivergedError(NNTrainError):
    """Training produced a number that is not finite."""


class OutOfMemoryError(NNTrainError):
    """The host or the device has too little memory."""


class CheckFailedError(NNTrainError):
    """A check (of gradients, of a run) found something wrong."""


class MachineError(NNTrainError):
    """Disk, permission, lock, device or a missing optional package."""
