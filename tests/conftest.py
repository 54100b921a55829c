"""Fixtures that several test folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def torch_alone() -> Iterator[None]:
    """One thread and a seed for torch, and none of it left behind."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)
