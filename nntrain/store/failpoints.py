"""Places where a test can kill the process, to prove that a run survives it there.

`NNTRAIN_FAILPOINT=name:n` kills this process with SIGKILL the n-th time it passes the place `name`.
"""

from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("NNTRAIN_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def failpoint(name: str) -> None:
    """Die here, if this is the place and the time."""
    global _left
    if _name and name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
