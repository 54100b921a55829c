"""What is optimised when: motion alone, music alone, both together (paper section 3.3).

Phase 1 of the paper is two trainings that share no gradient, so they are two stages; phase 2 starts
from both, with their optimisers' moments.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motionmusic.models import weights
from motionmusic.models.heads import mapping
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.models.weights import State
from motionmusic.params import Train
from motionmusic.streams import stream_seed
from motionmusic.training.checkpoint import Store
from motionmusic.training.device import Precision
from motionmusic.training.folds import Segments
from motionmusic.training.loop import (
    AfterEpoch,
    Chance,
    Losses,
    Run,
    Schedule,
    logits_of,
    optimise,
)
from motionmusic.training.recipe import RECIPES, Recipe

Select = Literal["last", "last_hundred", "best_validation"]

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


@dataclass(frozen=True)
class Trained:
    """What a phase leaves: weights to test, weights and moments to go on from, how it went."""

    tested: State
    last: State
    moments: State
    run: Run


def schedule(settings: Train, epochs: int, precision: Precision) -> Schedule:
    """The schedule of one phase."""
    rate, kind = settings.learning_rate, settings.schedule
    return Schedule(settings.batch, epochs, rate, kind, precision, RECIPES[settings.recipe])


def adam(network: nn.Module, learning_rate: float, weight_decay: float = 0.0) -> torch.optim.Adam:
    """The paper's optimiser; weight decay is decoupled (AdamW) and spares biases and batch norms."""
    parameters = list(network.parameters())
    cuda = parameters[0].device.type == "cuda"
    # a CUDA graph reads the learning rate anew at every step from where it lies
    rate = torch.tensor(learning_rate, device=parameters[0].device) if cuda else learning_rate
    if weight_decay == 0:
        return _Adam(parameters, lr=rate, fused=True, capturable=cuda)
    decayed = {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay}
    spared = {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}
    return _AdamW([decayed, spared], lr=rate, fused=True, capturable=cuda)


def _uncompiled(kind: type[Kind]) -> type[Kind]:
    """An optimiser without PyTorch's guards, which import its compiler, 2.6 s at every start."""
    names = ("add_param_group", "load_state_dict", "state_dict", "zero_grad", "step")
    bare = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), bare | {"step": torch.no_grad()(bare["step"])})


_Adam, _AdamW = _uncompiled(torch.optim.Adam), _uncompiled(torch.optim.AdamW)


def resume(network: nn.Module, path: Path, how: Schedule) -> torch.optim.Adam:
    """Put what phase 1 left at its end into the network, and its moments into a new optimiser."""
    state = weights.load(path)
    weights.load_into(network, weights.part(state, "network"), path)
    optimiser = adam(network, how.learning_rate, how.recipe.weight_decay)
    weights.load_optimiser(optimiser, weights.part(state, "adam"))
    return optimiser


@contextmanager
def seeded(chance: Chance, use: str, device: torch.device) -> Iterator[None]:
    """A block in which torch draws (initial weights, dropout) from one named stream only."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(stream_seed(chance.seed, *chance.cell, use))
        yield


def epoch_to_test(select: Select, epochs: int, earlier: int) -> int:
    """After how many epochs of this phase the weights are tested (O6).

    ``last_hundred``: the authors' last checkpoint, where the epoch, counted from 0 through both
    phases, is a multiple of 100: 1,401 of 1,500, and 1,401 of the second 1,500.
    """
    if select == "last_hundred":
        return (earlier + epochs - 1) // 100 * 100 - earlier + 1
    return epochs


def motion_losses(network: MotionEncoder, segments: Segments, recipe: Recipe) -> Losses:
    """Cross-entropy of the motion encoder alone, and the number predicted right."""

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        labels = segments.labels[rows]
        _, logits = network(segments.batch(rows)[0])
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)
        return {"motion": loss}, (logits.argmax(1) == labels).sum()

    return losses


def train_motion(
    network: MotionEncoder,
    optimiser: torch.optim.Adam,
    segments: Segments,
    schedule: Schedule,
    select: Select,
    chance: Chance,
    earlier_epochs: int = 0,
    store: Store | None = None,
) -> Trained:
    """Phase 1 of the motion encoder: cross-entropy alone. The network is changed in place.

    Where it goes on after ``earlier_epochs``: the control that the paper lacks (O7).
    """
    losses = motion_losses(network, segments, schedule.recipe)
    at = epoch_to_test(select, schedule.epochs, earlier_epochs)
    keeper = Keeper(network, network, segments, select, at)
    run = _optimised(network, [optimiser], losses, segments, schedule, chance, keeper, store)
    return Trained(keeper.kept[1], network.state_dict(), weights.optimiser_state(optimiser), run)


def train_music(
    network: MusicAutoencoder,
    segments: Segments,
    schedule: Schedule,
    chance: Chance,
    store: Store | None = None,
) -> Trained:
    """Phase 1 of the music autoencoder: reconstruction alone. The network is changed in place."""

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        music = segments.batch(rows)[1]
        _, decoded = network(music)
        return {"reconstruction": F.mse_loss(decoded.to(music.dtype), music)}, None

    optimiser = adam(network, schedule.learning_rate, schedule.recipe.weight_decay)
    run = _optimised(network, [optimiser], losses, segments, schedule, chance, AfterEpoch(), store)
    state = network.state_dict()
    return Trained(state, state, weights.optimiser_state(optimiser), run)


class Collaborative(nn.Module):
    """Motion encoder, music autoencoder and, in the variant fc, the mapping between them."""

    def __init__(self, motion: MotionEncoder, music: MusicAutoencoder, between: nn.Module):
        super().__init__()
        self.motion, self.music, self.mapping = motion, music, between

    def losses(
        self, motion: Tensor, music: Tensor, labels: Tensor, smoothing: float = 0.0
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The three losses of phase 2, means over elements of weight 1 (O4), and the hits.

        Pair: between z_m *before* the mapping and z_a (O5). Reconstruction: the music decoded from
        the mapped z_m, never from its own code (O25).
        """
        z_motion, logits = self.motion(motion)
        z_music = self.music.encode(music)
        decoded = self.music.decode(self.mapping(z_motion))
        named = {
            "motion": F.cross_entropy(logits, labels, label_smoothing=smoothing),
            "pair": F.mse_loss(z_motion, z_music.to(z_motion.dtype)),
            "reconstruction": F.mse_loss(decoded.to(music.dtype), music),
        }
        return named, (logits.argmax(1) == labels).sum()


def collaborative(motion: MotionEncoder, variant: str, width: int) -> Collaborative:
    """The networks of a variant: plain, dropout, or fc, which has a mapping before the decoder."""
    music = MusicAutoencoder(2 * width, dropout=variant == "dropout")
    between = mapping(4 * width) if variant == "fc" else nn.Identity()
    return Collaborative(motion, music, between)


def cotrain(
    networks: Collaborative,
    optimisers: Sequence[torch.optim.Adam],
    segments: Segments,
    schedule: Schedule,
    select: Select,
    earlier_epochs: int,
    chance: Chance,
    store: Store | None = None,
) -> Trained:
    """Phase 2, collaborative learning. The networks, as phase 1 left them, are changed in place.

    The optimisers are those of motion and music, with their moments; the mapping gets its own.
    """

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        labels = segments.labels[rows]
        return networks.losses(*segments.batch(rows), labels, schedule.recipe.smoothing)

    if list(networks.mapping.parameters()):
        decay = schedule.recipe.weight_decay
        optimisers = [*optimisers, adam(networks.mapping, schedule.learning_rate, decay)]
    at = epoch_to_test(select, schedule.epochs, earlier_epochs)
    keeper = Keeper(networks, networks.motion, segments, select, at)
    run = _optimised(networks, optimisers, losses, segments, schedule, chance, keeper, store)
    return Trained(keeper.kept[1], networks.state_dict(), {}, run)


def _optimised(
    network: nn.Module,
    optimisers: Sequence[torch.optim.Adam],
    losses: Losses,
    segments: Segments,
    schedule: Schedule,
    chance: Chance,
    between: AfterEpoch,
    store: Store | None,
) -> Run:
    with seeded(chance, "dropout", segments.motion.device):
        rows = segments.train
        return optimise([network], optimisers, losses, rows, schedule, chance, between, store)


class Best(AfterEpoch):
    """Keeps the weights of the epoch with the smallest validation loss, and its negative."""

    def __init__(self, network: nn.Module, losses: Losses, rows: Tensor, chance: Chance):
        self.network, self.losses, self.rows, self.chance = network, losses, rows, chance

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Validate, always on the same random draws, and keep the weights if they are the best."""
        self.network.eval()
        with torch.no_grad(), seeded(self.chance, "validation", self.rows.device):
            loss = float(torch.stack([*self.losses(self.rows)[0].values()]).sum())
        if -loss > self.kept[0]:
            self.kept = -loss, copy.deepcopy(self.network.state_dict())
        return {"validation_loss": loss}


class Keeper(AfterEpoch):
    """Keeps the weights that are tested: those of one epoch, or of the best validation accuracy."""

    def __init__(
        self, network: nn.Module, motion: nn.Module, segments: Segments, select: Select, at: int
    ):
        self.network, self.motion, self.segments = network, motion, segments
        self.select, self.at = select, at

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Validate where that selects, and keep the weights if this is their epoch."""
        if self.select != "best_validation":
            if epoch + 1 == self.at:
                self.kept = 0.0, copy.deepcopy(self.network.state_dict())
            return {}
        rows = self.segments.validation
        predicted = logits_of(self.motion, self.segments.motion, rows).argmax(1)
        accuracy = float((predicted == self.segments.labels[rows].cpu()).float().mean())
        if accuracy > self.kept[0]:
            self.kept = accuracy, copy.deepcopy(self.network.state_dict())
        return {"validation_accuracy": accuracy}


def fit(
    network: nn.Module,
    losses: Losses,
    train: Tensor,
    validation: Tensor,
    schedule: Schedule,
    chance: Chance,
    store: Store | None = None,
) -> None:
    """Train a network in place and leave it, in evaluation mode, at its best validation loss.

    ``losses`` are as for :func:`optimise`, in either mode; ``train`` (n,) and ``validation`` (m,)
    are rows on the network's device. Where none validate, the last epoch is kept.
    """
    best = Best(network, losses, validation, chance) if len(validation) else AfterEpoch()
    optimiser = adam(network, schedule.learning_rate, schedule.recipe.weight_decay)
    with seeded(chance, "draws", train.device):
        optimise([network], [optimiser], losses, train, schedule, chance, best, store)
    if len(validation):
        network.load_state_dict(best.kept[1])
    network.eval()
