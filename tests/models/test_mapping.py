"""The mapping network: 18 modules, 13 linear layers (docs/method.md)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from motionmusic.models.mapping import mapping

LINEAR = {
    0: (256, 512), 1: (512, 512), 4: (512, 1024), 5: (1024, 1024), 6: (1024, 2048),
    7: (2048, 2048), 8: (2048, 4096), 9: (4096, 4096), 10: (4096, 2048), 11: (2048, 2048),
    12: (2048, 1024), 13: (1024, 512), 15: (512, 256),
}  # fmt: skip
NORM = {2: 512, 14: 512, 16: 256}


def test_every_module_is_at_its_place() -> None:
    with torch.device("meta"):
        network = mapping()
    assert len(network) == 18
    for place, module in enumerate(network):
        if place in LINEAR:
            assert isinstance(module, nn.Linear)
            assert (module.in_features, module.out_features) == LINEAR[place]
            assert module.bias is None
        elif place in NORM:
            assert isinstance(module, nn.BatchNorm1d)
            assert module.num_features == NORM[place]
        else:
            assert place in (3, 17)
            assert isinstance(module, nn.ReLU)


def test_number_of_parameters_and_of_entries() -> None:
    with torch.device("meta"):
        network = mapping()
    assert sum(parameter.numel() for parameter in network.parameters()) == 48_761_344
    assert len(network.state_dict()) == 28


@pytest.mark.parametrize("training", [True, False])
def test_the_output_is_not_negative(training: bool) -> None:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        out = mapping(8).train(training)(torch.randn(16, 8))
    assert out.shape == (16, 8)
    assert bool((out >= 0).all())


def test_the_middle_is_linear() -> None:
    """Between modules 4 and 13 there is no nonlinearity: ten matrices that act as one."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = mapping(4).double()
        middle = network[4:14]
        x, y = torch.randn(2, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(middle(2 * x - 3 * y), 2 * middle(x) - 3 * middle(y))
