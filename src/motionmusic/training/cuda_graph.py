"""A training step as one CUDA graph: a step of these networks is hundreds of small kernels, and
launching them one by one takes longer than they run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor], tuple[Tensor, Tensor | None]]
WARM_UP = 3


class Captured:
    """A step that runs as it is a few times, as CUDA asks for, and is captured and replayed then.

    Batches have one size, no step waits for the device, learning rates are tensors (phases.adam).
    A step that cannot be captured goes on as it is, and that is said.
    """

    def __init__(self, step: Step):
        self.step = step
        self.left = WARM_UP
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.left == 0:
            self._capture(rows)
        self.left -= 1
        if self.graph is not None:
            self.rows.copy_(rows)
            self.graph.replay()
            values, hits = self.results
            return values.clone(), None if hits is None else hits.clone()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            results = self.step(rows)
        torch.cuda.current_stream().wait_stream(self.stream)
        return results

    def _capture(self, rows: Tensor) -> None:
        graph = torch.cuda.CUDAGraph()
        self.rows = rows.clone()
        try:
            # records the step, does not run it
            with torch.cuda.graph(graph, stream=self.stream):
                self.results = self.step(self.rows)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            print(f"no CUDA graph ({reason}): kernels are launched one by one", file=sys.stderr)
        else:
            self.graph = graph
