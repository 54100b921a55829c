"""DecCM's idea: a teacher and a student autoencoder, with genre and popularity as confounders.

After arXiv 2208.03633: two variational autoencoders whose latents decode each other's modality, a
margin on scores, a back-door adjustment over genres for music, weights by inverse propensity.
Different here: the hinge pushes the *hardest* negatives down, and pairs of one track are none; the
genres weigh as the batch, afterwards as the training segments have them; the teacher sees what a
segment's student does not, the mean codes of the whole excerpt.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Latent(NamedTuple):
    """A diagonal normal: mean and logarithm of the variance, each (n, size)."""

    mean: Tensor
    log_variance: Tensor

    def draw(self) -> Tensor:
        """One sample (torch's generator)."""
        return self.mean + (self.log_variance / 2).exp() * torch.randn_like(self.mean)

    def divergence(self, other: Latent) -> Tensor:
        """KL(self ‖ other) per row, (n,)."""
        ratio = (self.log_variance - other.log_variance).exp()
        distance = (self.mean - other.mean).square() / other.log_variance.exp()
        return 0.5 * (ratio + distance - 1 + other.log_variance - self.log_variance).sum(1)


class Deconfounded(nn.Module):
    """Student or teacher: z (n, d = size_in) → latents of unit means, scores between them.

    The buffer ``prior`` (genres,) is for the shares of the genres among the training segments.
    """

    prior: Tensor

    def __init__(self, size_in: int, size: int, genres: int, *, backdoor: bool):
        super().__init__()
        names = ("motion", "music")
        self.encoders = nn.ModuleDict({name: _encoder(size_in, size) for name in names})
        self.decoders = nn.ModuleDict({name: nn.Linear(size, size_in) for name in names})
        self.register_buffer("prior", torch.full((genres,), 1 / genres))
        self.genres = nn.Embedding(genres, size) if backdoor else None
        self.adjusted = nn.Linear(2 * size, size) if backdoor else None

    def latent(self, modality: str, z: Tensor) -> Latent:
        """The latent of a modality's codes, mean and log-variance of unit length as in DecCM."""
        mean, log_variance = self.encoders[modality](z).chunk(2, 1)
        return Latent(F.normalize(mean, dim=1), F.normalize(log_variance, dim=1))

    def adjust(self, music: Tensor, prior: Tensor) -> Tensor:
        """Back-door: what the genres on the whole would add, given to every track alike."""
        if self.genres is None or self.adjusted is None:
            return music
        mean = (prior @ self.genres.weight).expand(len(music), -1)
        return F.normalize(self.adjusted(torch.cat([mean, music], 1)), dim=1)

    def motion(self, z: Tensor) -> Tensor:
        """z_m (n, d) → (n, size)."""
        return self.latent("motion", z).mean

    def music(self, z: Tensor) -> Tensor:
        """z_a (n, d) → (n, size)."""
        return self.adjust(self.latent("music", z).mean, self.prior)


def loss(
    network: Deconfounded,
    motion: Tensor,
    music: Tensor,
    tracks: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    margin: float,
    hardest: int,
    divergence: float,
    teacher: tuple[Deconfounded, Tensor, Tensor] | None = None,
    pull: float = 0.0,
) -> dict[str, Tensor]:
    """The named losses of one batch of pairs.

    Args:
        motion, music: codes (n, d), pair by pair.
        tracks, labels: (n,) numbers.
        weights: (n,) of mean 1: inverse propensities, or ones.
        margin, hardest: by which a true pair's score must lead so many negatives a row.
        divergence, pull: weights of KL to the standard normal, and to the teacher.
        teacher: frozen, and the codes of motion and music that it sees, (n, d).
    """
    given = {"motion": motion, "music": music}
    latents = {name: network.latent(name, z) for name, z in given.items()}
    drawn = {name: latent.draw() for name, latent in latents.items()}
    genres = torch.bincount(labels, minlength=len(network.prior)) / len(labels)
    a, b = drawn["motion"], network.adjust(drawn["music"], genres)
    rebuilt = [
        (network.decoders[name](drawn[other]) - _standard(network, name, z)).square().mean(1)
        for name, other, z in (("motion", "music", motion), ("music", "motion", music))
    ]
    scores = a @ b.T
    own = scores.diagonal()
    negatives = tracks[:, None] != tracks[None]
    hinges = []
    for rows in (scores, scores.T):
        behind = (margin - own[:, None] + rows).clamp(min=0) * negatives
        hinges.append(behind.topk(min(hardest, len(rows)), 1).values.mean(1))
    normal = Latent(torch.zeros_like(a), torch.zeros_like(a))
    spread = latents["motion"].divergence(normal) + latents["music"].divergence(normal)
    named = {
        "reconstruction": (weights * sum(rebuilt)).mean(),
        "matching": (weights * sum(hinges)).mean(),
        "divergence": divergence * spread.mean(),
    }
    if teacher is not None and pull > 0:
        model, *its = teacher
        with torch.no_grad():
            seen = [model.latent(name, z) for name, z in zip(given, its, strict=True)]
        apart = latents["motion"].divergence(seen[0]) + latents["music"].divergence(seen[1])
        named["teacher"] = pull * apart.mean()
    return named


def _encoder(size_in: int, size: int) -> nn.Sequential:
    norm = nn.BatchNorm1d(size_in, affine=False)
    return nn.Sequential(norm, nn.Dropout(0.2), nn.Linear(size_in, 2 * size))


def _standard(network: Deconfounded, modality: str, z: Tensor) -> Tensor:
    """Codes in units of their spread over the training segments, as the decoders give them."""
    norm = network.encoders[modality][0]  # type: ignore[index]
    return F.batch_norm(z, norm.running_mean, norm.running_var)
