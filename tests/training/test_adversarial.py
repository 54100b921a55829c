"""M2S-GAN's step (docs/method.md)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from motionmusic.models.virtual_conductor import Critic, Generator, SyncNetwork
from motionmusic.training.adversarial import (
    PENALTY,
    SYNC,
    Adversarial,
    critic_loss,
    nearest,
    optimiser,
)


class Sums(nn.Module):
    """A critic whose gradient is known: a times the sum of all coordinates."""

    def __init__(self, a: float):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, motion: torch.Tensor) -> torch.Tensor:
        return self.a * motion.sum((1, 2, 3))[:, None]


def test_critic_loss_of_a_linear_critic() -> None:
    """The gradient is a everywhere, so that its squared norm is a² · f · 13 · 2, for any batch."""
    real, made = torch.rand(3, 20, 13, 2), torch.rand(3, 20, 13, 2)
    loss = critic_loss(Sums(0.5), real, made)  # type: ignore[arg-type]
    difference = 0.5 * (made.sum() - real.sum()) / 3
    assert float(loss.detach()) == pytest.approx(
        float(difference) + PENALTY * 0.25 * 20 * 26, rel=1e-5
    )


def step(seed: int = 0) -> tuple[Adversarial, dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    generator, critic = Generator(), Critic()
    generator.music_encoder.requires_grad_(False)
    encoder = SyncNetwork().motion_encoder.eval().requires_grad_(False)
    made = Adversarial(generator, critic, optimiser(critic), encoder)
    return made, made.losses(torch.randn(2, 90, 64), torch.rand(2, 90, 13, 2))


def test_a_step_moves_the_critic_and_leaves_gradients_to_the_generator_alone() -> None:
    torch.manual_seed(0)
    generator = Generator()
    before = copy.deepcopy(Critic().state_dict())
    made, losses = step()
    critic = made.critic
    assert any(not torch.equal(before[name], value) for name, value in critic.state_dict().items())
    made.critic_optimiser.zero_grad(set_to_none=True)
    sum(losses.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in critic.parameters())
    assert all(p.grad is None for p in made.encoder.parameters())
    assert all(p.grad is None for p in made.generator.music_encoder.parameters())
    assert all(
        p.grad is not None
        for name, p in made.generator.named_parameters()
        if not name.startswith("music_encoder")
    )
    assert len(optimiser(made.generator).param_groups[0]["params"]) < len([*generator.parameters()])


def test_losses_are_of_the_spec() -> None:
    made, losses = step()
    assert set(losses) == {"adversarial", "sync"}
    # an encoder that gives zeros finds no difference
    for parameter in made.encoder.fc.parameters():
        nn.init.zeros_(parameter)
    again = made.losses(torch.randn(2, 90, 64), torch.rand(2, 90, 13, 2))
    assert float(again["sync"].detach()) == 0
    assert float(losses["sync"].detach()) / SYNC > 0.1
    # it is the better, the more real the critic finds it
    made.critic = Sums(0.5)  # type: ignore[assignment]
    made.critic_optimiser = optimiser(made.critic)
    made.made = lambda music: torch.ones(len(music), 90, 13, 2)  # type: ignore[method-assign]
    again = made.losses(torch.randn(2, 90, 64), torch.rand(2, 90, 13, 2))
    said = float(made.critic(torch.ones(1, 90, 13, 2)))
    assert float(again["adversarial"].detach()) == pytest.approx(-said)
    assert said > 1000


def test_the_nearest_music_is_found_at_its_frame() -> None:
    torch.manual_seed(0)
    others = [torch.randn(60, 64), torch.randn(20, 64), torch.randn(90, 64)]
    assert nearest(others[2][31:71].clone(), others) == (2, 31)
    assert nearest(others[0][20:60].clone(), others) == (0, 20)
    # order in time does not count, mean and deviation do
    assert nearest(others[2][31:71].flip(0), others) == (2, 31)
