"""What a layer's forward knows besides its inputs and parameters: the mode, and where its random numbers come from."""

from __future__ import annotations

from dataclasses import dataclass, field

from nntrain.backend.random import default, stream_key
from nntrain.engine.tensor import Tensor


@dataclass
class Context:
    """Handed to `Layer.forward`.

    `counter` (three uint32: step low, step high, global number of the batch's first row) is written by the trainer before
    each step; where it is None, each forward draws anew from `manual_seed`'s stream.
    """

    training: bool = False
    seed: int = 0
    counter: Tensor | None = None
    path: str = ""
    calls: dict[str, int] = field(default_factory=dict)

    def at(self, name: str) -> Context:
        """The context of a layer inside this one; the count of calls is shared."""
        path = f"{self.path}.{name}" if self.path else name
        return Context(self.training, self.seed, self.counter, path, self.calls)

    def stream(self, like: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Counter and key of the next random draw of this layer, on the device of `like`."""
        call = self.calls.get(self.path, 0)
        self.calls[self.path] = call + 1
        if self.counter is not None:
            return self.counter, stream_key(self.seed, "layer", self.path, call)
        return Tensor(default.next_counter(), device=like.device), stream_key(default.seed, "eager")
