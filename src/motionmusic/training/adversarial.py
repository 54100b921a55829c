"""M2S-GAN learns to dance: motion from music, against a critic (docs/method.md).

What differs from the authors' training: the frozen music encoder's codes are made once, by its own
statistics (theirs drift, V8), the gradient penalty is of each sample (theirs of the batch, V7), and
validation dances choose the epoch (theirs is the last, V23), as the next can be far worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import RMSprop

from motionmusic.features.keypoints import FRAMES
from motionmusic.models.conductor import encoded
from motionmusic.models.virtual_conductor import (
    NOISE,
    Critic,
    Generator,
    MotionEncoder,
    SyncNetwork,
)
from motionmusic.training.checkpoint import Store
from motionmusic.training.contrastive import validating
from motionmusic.training.dances import Dance, Windows, cut_motion, windows
from motionmusic.training.loop import Chance, Schedule, optimise
from motionmusic.training.phases import Best, seeded

LEARNING_RATE = 0.0005
CRITIC_STEPS = 5
PENALTY = 10.0
SYNC = 0.05
CLIP_S, BATCH = 10, 8


def train_generator(
    train: Sequence[Dance],
    validation: Sequence[Dance],
    network: SyncNetwork,
    steps: int,
    chance: Chance,
    store: Store,
    device: torch.device,
) -> Generator:
    """M2S-GAN with the music encoder of ``network``, at the epoch of the least sync loss.

    Raises UserError where a dance is shorter than a clip.
    """
    frames = CLIP_S * FRAMES
    network.requires_grad_(False)
    dances = [dance._replace(motion=dance.motion.to(device)) for dance in (*train, *validation)]
    music = [encoded(network.music_encoder, dance.music[None].to(device))[0] for dance in dances]
    rows = torch.from_numpy(windows(train, frames))
    checked = validating(validation, frames, len(train))
    with seeded(chance, "initial", device):
        generator, critic = Generator().to(device), Critic().to(device)
    generator.music_encoder.load_state_dict(network.music_encoder.state_dict())
    generator.music_encoder.requires_grad_(False)
    optimisers = [optimiser(generator), optimiser(critic)]
    step = Adversarial(generator, critic, optimisers[1], network.motion_encoder)

    def cut(chosen: Windows) -> tuple[Tensor, Tensor]:
        codes = torch.stack([music[d][start : start + frames] for d, start in chosen])
        return codes, cut_motion(dances, chosen, frames)

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        random = np.random.default_rng(int(torch.randint(2**62, ())))
        starts = [random.integers(len(music[d]) - frames + 1) for d, _ in rows.tolist()]
        chosen = np.stack([rows[:, 0].cpu().numpy(), starts], axis=1)
        return step.losses(*cut(chosen)), None

    def missed(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        codes, real = cut(rows.cpu().numpy())
        return {"sync": step.sync(step.made(codes), real)}, None

    batch = min(BATCH, len(rows))
    epochs = math.ceil(steps / (len(rows) // batch))
    schedule = Schedule(batch, epochs, LEARNING_RATE, "constant", "fp32")
    best = Best(generator, missed, checked.to(device), chance)
    with seeded(chance, "draws", device):
        optimise(
            [generator, critic], optimisers, losses, rows.to(device), schedule, chance, best, store
        )
    generator.load_state_dict(best.kept[1])
    return generator.eval()


def optimiser(network: nn.Module) -> RMSprop:
    """The authors': RMSprop, without momentum."""
    return RMSprop([p for p in network.parameters() if p.requires_grad], LEARNING_RATE)


@dataclass
class Adversarial:
    """One training step; the critic's five are made here, the generator's loss is returned.

    The generator's music encoder is not trained. The sync loss is of what the trained ``encoder``
    of motion, in eval mode, sees.
    """

    generator: Generator
    critic: Critic
    critic_optimiser: RMSprop
    encoder: MotionEncoder

    def losses(self, music: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Of whole seconds: codes of music (n, 30 s, 64) and their real motion (n, 30 s, 13, 2)."""
        made = self.made(music)
        self.critic.requires_grad_(True)
        for _ in range(CRITIC_STEPS):
            loss = critic_loss(self.critic, real, made.detach())
            self.critic_optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.critic_optimiser.step()
        self.critic.requires_grad_(False)
        return {"adversarial": -self.critic(made).mean(), "sync": SYNC * self.sync(made, real)}

    def made(self, music: Tensor) -> Tensor:
        """Motion (n, 30 s, 13, 2) from codes of music (n, 30 s, 64) and noise."""
        noise = torch.randn(len(music), music.shape[1] // FRAMES, NOISE, device=music.device)
        return self.generator.move(music, noise)

    def sync(self, made: Tensor, real: Tensor) -> Tensor:
        """The mean absolute difference of what the encoder sees in both."""
        with torch.no_grad():
            wanted = self.encoder(real)
        error: Tensor = (self.encoder(made) - wanted).abs().mean()
        return error


def critic_loss(critic: Critic, real: Tensor, made: Tensor) -> Tensor:
    """mean D(made) − mean D(real) + 10 · the mean over samples of the squared gradient's norm."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * made).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3)).mean()
    loss: Tensor = critic(made).mean() - critic(real).mean() + PENALTY * penalty
    return loss


@torch.no_grad()
def nearest(codes: Tensor, others: Sequence[Tensor]) -> tuple[int, int]:
    """Whose music, and from which frame on, is most like this one's: number and first frame.

    Codes (f, 64) of the music and (m, 64) of others, one of them at least as long. Music is alike
    where mean and deviation over the f frames are near, measured in the others' own deviations.
    """
    frames = len(codes)
    size = [max(0, len(other) - frames + 1) for other in others]
    stacked = torch.cat(
        [_summaries(other, frames) for other, n in zip(others, size, strict=True) if n]
    )
    scale = stacked.std(0).clamp(min=1e-6)
    best = int(((stacked - _summaries(codes, frames)) / scale).square().sum(1).argmin())
    for number, n in enumerate(size):
        if best < n:
            return number, best
        best -= n
    raise AssertionError


def _summaries(codes: Tensor, frames: int) -> Tensor:
    """(m − frames + 1, 128): mean and standard deviation of every stretch of so many frames."""
    x = codes.double()
    sums = torch.cat(
        [torch.zeros(1, 2 * x.shape[1], dtype=x.dtype), torch.cat([x, x * x], 1).cumsum(0)]
    )
    means = (sums[frames:] - sums[:-frames]) / frames
    mean, square = means.chunk(2, 1)
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt()], 1)
