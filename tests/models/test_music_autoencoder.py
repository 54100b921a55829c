"""Sizes and variants of the music autoencoder (docs/method.md)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from motionmusic.models.music_autoencoder import MusicAutoencoder

pytestmark = pytest.mark.usefixtures("torch_alone")


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def sizes(stack: nn.Sequential, kind: type[nn.Module], x: torch.Tensor) -> list[tuple[int, ...]]:
    """(channels, height, width) after every module of a kind."""
    out: list[tuple[int, ...]] = []

    def note(_module: nn.Module, _given: Any, result: torch.Tensor) -> None:
        out.append(tuple(result.shape[1:]))

    handles = [m.register_forward_hook(note) for m in stack if isinstance(m, kind)]
    stack(x)
    for handle in handles:
        handle.remove()
    return out


@pytest.mark.parametrize("dropout", [False, True])
def test_number_of_parameters(dropout: bool) -> None:
    with torch.device("meta"):
        network = MusicAutoencoder(dropout=dropout)
    assert count(network.encoder) == 1_315_072
    assert count(network.decoder) == 1_314_691


@pytest.mark.parametrize("dropout", [False, True])
def test_sizes_of_the_encoder(dropout: bool) -> None:
    network = MusicAutoencoder(dropout=dropout).eval()
    with torch.no_grad():
        x = torch.rand(1, 1, 96, 25)
        assert sizes(network.encoder, nn.Conv2d, x) == [
            (128, 48, 24), (128, 24, 12), (128, 12, 6), (128, 6, 3), (128, 3, 2), (128, 2, 1),
        ]  # fmt: skip
        assert network.encode(x).shape == (1, 256)


def test_sizes_of_the_decoder() -> None:
    network = MusicAutoencoder().eval()
    with torch.no_grad():
        assert sizes(network.decoder, nn.ConvTranspose2d, torch.rand(1, 128, 2, 1)) == [
            (128, 3, 2), (128, 6, 3), (128, 12, 6), (128, 24, 12), (128, 48, 24), (1, 96, 25),
        ]  # fmt: skip
        assert network.decode(torch.rand(1, 256)).shape == (1, 1, 96, 25)


def test_convolutions_are_4_by_4_with_padding_1_and_bias() -> None:
    network = MusicAutoencoder(4)
    strides = [(2, 1), (2, 2), (2, 2), (2, 2), (2, 1), (1, 1)]
    forth = [m for m in network.encoder if isinstance(m, nn.Conv2d)]
    back = [m for m in network.decoder if isinstance(m, nn.ConvTranspose2d)]
    assert [m.stride for m in forth] == strides
    assert [m.stride for m in back] == strides[::-1]
    for m in (*forth, *back):
        assert m.kernel_size == (4, 4)
        assert m.padding == (1, 1)
        assert m.bias is not None
    for m in back:
        assert m.output_padding == (0, 0)


def kinds(stack: nn.Sequential) -> str:
    letters = {"Conv2d": "c", "ConvTranspose2d": "t", "BatchNorm2d": "b", "ReLU": "r",
               "Dropout": "d"}  # fmt: skip
    return "".join(letters[type(module).__name__] for module in stack)


def test_modules_of_both_variants() -> None:
    """With dropout one after every ReLU but the fifth, and a sixth ReLU (O13)."""
    plain, network = MusicAutoencoder(4), MusicAutoencoder(4, dropout=True)
    assert kinds(plain.encoder) == "cbr" * 5 + "cb"
    assert kinds(network.encoder) == "cbrd" * 4 + "cbr" + "cbrd"
    assert kinds(plain.decoder) == kinds(network.decoder) == "tbr" * 5 + "tb"
    assert {module.p for module in network.encoder if isinstance(module, nn.Dropout)} == {0.25}


def test_z_is_flattened_channel_major() -> None:
    network = MusicAutoencoder(4).eval()
    x = torch.rand(2, 1, 96, 25)
    stacked = network.encoder(x)
    assert stacked.shape == (2, 4, 2, 1)
    z, decoded = network(x)
    for channel in range(4):
        for height in range(2):
            assert torch.equal(z[:, 2 * channel + height], stacked[:, channel, height, 0])
    # and the decoder takes it apart in the same order
    assert torch.equal(decoded, network.decoder(stacked))
