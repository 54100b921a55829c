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


def test_modules_of_the_plain_variant() -> None:
    network = MusicAutoencoder(4)
    assert kinds(network.encoder) == "cbr" * 5 + "cb"
    assert kinds(network.decoder) == "tbr" * 5 + "tb"


def test_modules_of_the_dropout_variant() -> None:
    """Dropout after every ReLU but the fifth, and a sixth ReLU (O13)."""
    network = MusicAutoencoder(4, dropout=True)
    assert kinds(network.encoder) == "cbrd" * 4 + "cbr" + "cbrd"
    assert kinds(network.decoder) == "tbr" * 5 + "tb"
    assert {module.p for module in network.encoder if isinstance(module, nn.Dropout)} == {0.25}


@pytest.mark.parametrize(
    ("dropout", "positions"), [(False, [0, 3, 6, 9, 12, 15]), (True, [0, 4, 8, 12, 16, 19])]
)
def test_positions_are_those_of_the_authors_files(dropout: bool, positions: list[int]) -> None:
    values = MusicAutoencoder(4, dropout=dropout).state_dict()
    for key in ("weight", "bias"):
        for position in positions:
            assert f"encoder.{position}.{key}" in values
            assert f"encoder.{position + 1}.{key}" in values
    assert values["encoder.4.weight"].dim() == (4 if dropout else 1)


@pytest.mark.parametrize("training", [True, False])
def test_the_sign_of_z(training: bool) -> None:
    x = torch.rand(8, 1, 96, 25)
    plain = MusicAutoencoder(8).train(training).encode(x)
    assert bool((plain < 0).any())
    assert bool((plain > 0).any())
    dropped = MusicAutoencoder(8, dropout=True).train(training).encode(x)
    assert bool((dropped >= 0).all())
    assert bool((dropped > 0).any())


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


def test_the_output_has_any_sign() -> None:
    decoded = MusicAutoencoder(8).train().decode(torch.randn(6, 16))
    assert bool((decoded < 0).any())
    assert bool((decoded > 0).any())
