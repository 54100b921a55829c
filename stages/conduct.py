"""Train M2S-Net and M2S-GAN on dances by piece, and let the generator dance to the others' music."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matching_files
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic import errors, workspace
from motionmusic.data import splits as protocols
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.mel import SAMPLE_RATE, mel_from
from motionmusic.files import new_folder, read_array, write_array, write_json, write_text
from motionmusic.models.conductor import conducted, encoded
from motionmusic.models.conductor_encoders import MEL_PER_FRAME
from motionmusic.models.conductor_weights import published_entries
from motionmusic.models.critic import Critic
from motionmusic.models.generator import FRAMES, Generator
from motionmusic.models.m2s_net import SyncNetwork
from motionmusic.params import DATASET, Conduct, Segment, group
from motionmusic.scoring.offsets import OFFSETS, alignment_curve, best, vote_curve
from motionmusic.streams import stream
from motionmusic.training import contrastive as synchrony
from motionmusic.training import weights
from motionmusic.training.adversarial import Adversarial, nearest, optimiser
from motionmusic.training.checkpoint import Store, code_digest, content_key, remove
from motionmusic.training.dances import (
    Dance,
    beats_at_frames,
    clip_of,
    cut_codes,
    cut_motion,
    windows,
)
from motionmusic.training.device import describe, keep_memory, pick_device
from motionmusic.training.fitting import Best, fit
from motionmusic.training.guard import die_with_parent, hold
from motionmusic.training.loop import Chance, Schedule, optimise
from motionmusic.training.phases import seeded
from motionmusic.training.provenance import git_revision, provenance, sha256_of

DRAWS = 20  # negatives of each kind for each tested clip
PLANTED_S = 1.5  # planted offsets lie within it to both sides, well inside the curve
FOLDS = 3  # where the data set's own split has pieces on two sides
BEATS = ("music", "motion_mint", "motion_bailando")
VALIDATION = 32  # windows at most that choose the epoch


def splits(index: pd.DataFrame, labels: dict[int, str]) -> pd.DataFrame:
    """Excerpts with fold and split, no piece on two sides: fold, split, piece, excerpt, label.

    They are the index's where it is so; else pieces are dealt into three folds.
    """
    excerpts = index.drop_duplicates(["fold", "piece", "excerpt", "split"])
    sides = excerpts.groupby(["fold", "piece"])["split"].nunique()
    if sides.max() > 1:
        once = excerpts.drop_duplicates(["piece", "excerpt"]).drop(columns=["fold", "split"])
        excerpts = protocols.by_piece(once, FOLDS, 0, labels)
    return excerpts[["fold", "split", "piece", "excerpt", "label"]].reset_index(drop=True)


class Piece(NamedTuple):
    """A dance, and what of its music lies before and after it.

    Attributes:
        dance: with the music that belongs to it.
        mel: (t, 128) of the whole file.
        start: the motion frame in it at which the dance starts.
        beats_s: seconds from the dance's start, by kind (BEATS); of the motion with all joints.
    """

    dance: Dance
    mel: NDArray[np.float32]
    start: int
    beats_s: dict[str, NDArray[np.float64]]


def read_dances(dataset: str, names: Iterable[str]) -> tuple[dict[str, Piece], list[Path]]:
    """Pieces by name, and the files that they are read from."""
    rows = workspace.read_pieces(dataset).set_index("piece")
    beats = matching_files.read_beats(dataset)
    found, files = {}, [workspace.data(dataset, "beats.parquet")]
    for name in names:
        files += [
            workspace.data(dataset, "keypoints", f"{name}.npy"),
            workspace.data(dataset, "raw") / str(rows["music_file"][name]),
        ]
        motion, samples = read_array(files[-2]), read_audio(files[-1], SAMPLE_RATE)
        mel, start = mel_from(samples, float(rows["music_start_s"][name]))
        frames = min(len(motion), len(mel) // MEL_PER_FRAME - start)
        own = beats[beats["piece"] == name]
        times = {kind: own["time_s"][own["kind"] == kind].to_numpy() for kind in BEATS}
        dance = Dance(
            name,
            torch.from_numpy(motion[:frames]),
            torch.from_numpy(mel[MEL_PER_FRAME * start :][: MEL_PER_FRAME * frames]),
            beats_at_frames(times["music"], frames),
        )
        found[name] = Piece(dance, mel, start, times)
    return found, files


def train_synchrony(
    train: Sequence[Dance],
    validation: Sequence[Dance],
    settings: Conduct,
    chance: Chance,
    store: Store,
    device: torch.device,
) -> SyncNetwork:
    """M2S-Net at the epoch of the least validation loss, or the last where nothing validates."""
    frames = settings.clip_s * FRAMES
    whole = frames + 2 * synchrony.MARGIN
    train, validation = (
        [dance._replace(motion=dance.motion.to(device), mel=dance.mel.to(device)) for dance in side]
        for side in (train, validation)
    )
    rows = _rows(train, whole)
    checked = _validating(validation, whole, len(train))
    dances = [*train, *validation]
    with seeded(chance, "initial", device):
        network = SyncNetwork().to(device)

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        random = np.random.default_rng(int(torch.randint(2**62, ())))
        parts = [
            synchrony.losses(network, dances, part.cpu().numpy(), frames, random)
            for part in torch.split(rows, settings.batch)
        ]
        return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}, None

    batch = min(settings.batch, len(rows))
    schedule = Schedule(
        batch, math.ceil(settings.steps / (len(rows) // batch)), settings.learning_rate,
        "one_cycle", settings.precision,
    )  # fmt: skip
    fit(network, losses, rows.to(device), checked.to(device), schedule, chance, store)
    return network


def train_generator(
    train: Sequence[Dance],
    validation: Sequence[Dance],
    network: SyncNetwork,
    settings: Conduct,
    chance: Chance,
    store: Store,
    device: torch.device,
) -> Generator:
    """M2S-GAN, its music encoder that of ``network`` (spec 4.2), at the least sync loss.

    The authors test the last epoch and look at the test split meanwhile (V23); a generator that is
    best at one epoch can be far off at the next, so validation dances choose.
    """
    frames = settings.generator_s * FRAMES
    network.requires_grad_(False)
    dances = [dance._replace(motion=dance.motion.to(device)) for dance in (*train, *validation)]
    music = [encoded(network.music_encoder, dance.mel[None].to(device))[0] for dance in dances]
    rows = _rows(train, frames)
    checked = _validating(validation, frames, len(train))
    with seeded(chance, "initial", device):
        generator, critic = Generator().to(device), Critic().to(device)
    generator.music_encoder.load_state_dict(network.music_encoder.state_dict())
    generator.music_encoder.requires_grad_(False)
    optimisers = [optimiser(generator), optimiser(critic)]
    step = Adversarial(generator, critic, optimisers[1], network.motion_encoder)

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        random = np.random.default_rng(int(torch.randint(2**62, ())))
        chosen = np.array(
            [(d, random.integers(len(music[d]) - frames + 1)) for d, _ in rows.tolist()]
        )
        return step.losses(
            cut_codes(music, chosen, frames), cut_motion(dances, chosen, frames)
        ), None

    def missed(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        chosen = rows.cpu().numpy()
        codes, real = cut_codes(music, chosen, frames), cut_motion(dances, chosen, frames)
        return {"sync": step.sync(step.made(codes), real)}, None

    batch = min(settings.generator_batch, len(rows))
    epochs = math.ceil(settings.generator_steps / (len(rows) // batch))
    schedule = Schedule(batch, epochs, optimisers[0].defaults["lr"], "constant", "fp32")
    best = Best(generator, missed, checked.to(device), chance)
    with seeded(chance, "draws", device):
        optimise(
            [generator, critic], optimisers, losses, rows.to(device), schedule, chance, best, store
        )
    generator.load_state_dict(best.state)
    return generator.eval()


def _validating(dances: Sequence[Dance], frames: int, first: int) -> Tensor:
    """Some windows (n, 2) of dances whose numbers begin at ``first``."""
    rows = _rows(dances, frames) + torch.tensor([first, 0])
    return rows[:: max(1, -(-len(rows) // VALIDATION))]


def _rows(dances: Sequence[Dance], frames: int) -> Tensor:
    """Consecutive windows (n, 2). Raises UserError where a dance is too short for one."""
    short = [dance.name for dance in dances if len(dance.motion) < frames]
    if short:
        raise UserError(
            "params.yaml", "conduct", f"dances of at least {frames / FRAMES:.1f} s",
            f"{', '.join(short[:3])} shorter than that", "set shorter clips, or leave them out",
        )  # fmt: skip
    return torch.from_numpy(windows(dances, frames))


@torch.no_grad()
def codes_of(network: SyncNetwork, dances: Sequence[Dance]) -> list[tuple[Tensor, Tensor]]:
    """Of each dance (f, 64) of its music and (f, 64) of its motion."""
    return [
        (
            encoded(network.music_encoder, dance.mel[None])[0],
            encoded(network.motion_encoder, dance.motion[None])[0],
        )
        for dance in dances
    ]


def planted(network: SyncNetwork, piece: Piece, seed: int) -> dict[str, float]:
    """An offset that the music is given, and what network and beats say it is, in s."""
    motion = piece.dance.motion.numpy()
    allowed = (np.abs(OFFSETS) <= PLANTED_S * FRAMES) & (piece.start - OFFSETS >= 0)
    offset = int(stream(seed, "conduct", "planted", piece.dance.name).choice(OFFSETS[allowed]))
    # the music is taken from so much earlier than where it belongs, and has to be read later
    found = {
        "planted_s": offset / FRAMES,
        "network_s": best(vote_curve(network, piece.mel, motion, piece.start - offset)),
    }
    music_s = piece.beats_s["music"] + offset / FRAMES
    for definition in ("mint", "bailando"):
        motion_s = piece.beats_s[f"motion_{definition}"]
        curve = alignment_curve(motion_s, music_s, len(motion) / FRAMES, definition)
        found[f"{definition}_s"] = best(curve)
    return found


@dataclass
class Fold:
    """What a fold gives: networks by name, motion by tested piece, rows of the three tables."""

    networks: dict[str, Generator | SyncNetwork]
    motion: dict[str, NDArray[np.float32]]
    tables: dict[str, pd.DataFrame]


def one_fold(
    ids: pd.DataFrame,
    pieces: Mapping[str, Piece],
    clip: Callable[[int], tuple[int, int]],
    settings: Conduct,
    seed: int,
    kept: Path,
) -> Fold:
    """Train on some pieces, test on others.

    Args:
        ids: excerpts of the fold: split, piece, excerpt.
        pieces: by name.
        clip: excerpt → its first frame and frames at 30 Hz.
        settings: of training.
        seed: root of all chance.
        kept: folder of checkpoints.
    """
    fold, device = int(ids["fold"].iloc[0]), pick_device()
    side = {split: sorted(set(rows["piece"])) for split, rows in ids.groupby("split")}
    train, validation, test = (
        [pieces[name].dance for name in side.get(split, [])]
        for split in ("train", "validation", "test")
    )

    def cell(what: str) -> tuple[Conduct, Chance, Store, torch.device]:
        return settings, Chance(seed, ("conduct", what, fold)), Store(kept, f"{what}{fold}"), device

    network = train_synchrony(train, validation, *cell("synchrony"))
    # as the authors say, what judges has learned from the dances that are judged (spec 4.6)
    judge = train_synchrony(test, [], *cell("judge"))
    generator = train_generator(train, validation, network, *cell("generator"))
    networks: dict[str, Generator | SyncNetwork]
    networks = {"synchrony": network.cpu(), "judge": judge.cpu(), "generator": generator.cpu()}

    own, apart = codes_of(network, test), codes_of(judge, test)
    heard = [music for music, _ in codes_of(network, train)]
    random = stream(seed, "conduct", "votes", fold)
    votes, neighbours = [], []
    for row in ids[ids["split"] == "test"].sort_values(["piece", "excerpt"]).itertuples():
        number, (start, frames) = side["test"].index(str(row.piece)), clip(int(str(row.excerpt)))
        start = min(start, len(test[number].motion) - frames)  # rounded beyond the end
        key = {"fold": fold, "piece": row.piece, "excerpt": row.excerpt}
        place = (number, start, frames)
        better = synchrony.right(network, test, own, place, DRAWS, random)
        judged = synchrony.right(judge, test, apart, place, DRAWS, random)
        votes.append(key | better | {f"judge_{kind}": share for kind, share in judged.items()})
        other, first = nearest(own[number][0][start : start + frames], heard)
        neighbours.append(key | {"neighbour": train[other].name, "neighbour_start": first})
    return Fold(
        {f"fold{fold}_{name}": each for name, each in networks.items()},
        {dance.name: conducted(generator, dance.mel.numpy(), seed, smooth=False) for dance in test},
        {
            "votes": pd.DataFrame(votes),
            "neighbours": pd.DataFrame(neighbours),
            "offsets": pd.DataFrame(
                {"fold": fold, "piece": name, **planted(network, pieces[name], seed)}
                for name in side["test"]
            ),
        },
    )


def main(given: Sequence[str]) -> None:
    """conduct.py DATASET SEED."""
    dataset, name = workspace.arguments(given, "dataset", "seed")
    seed = int(name)
    if "DVC_STAGE" in os.environ:
        die_with_parent()
    keep_memory()
    kept = workspace.data(dataset, "checkpoints", f"conduct-{seed}")
    lock = hold(kept / "lock", f"conduct-{seed}")
    started = time.monotonic()
    settings = group(Conduct, "conduct", dataset)
    data, segment = group(DATASET, "datasets", dataset), group(Segment, "segment", dataset)
    ids = splits(workspace.read_index(dataset), dict(enumerate(data.labels.values())))
    pieces, inputs = read_dances(dataset, sorted(set(ids["piece"])))
    inputs.append(workspace.data(dataset, "segments", "index.parquet"))
    key = content_key(
        {
            "params": settings.model_dump(),
            "inputs": sha256_of(inputs),
            "code": code_digest(),
            "machine": describe(pick_device()),
        }
    )
    clip = partial(clip_of, excerpt_frames=segment.excerpt_frames, rate_hz=data.motion_rate_hz)
    folds = {
        number: one_fold(rows, pieces, clip, settings, seed, kept / key)
        for number, rows in workspace.folds(ids)
    }
    with new_folder(workspace.data(dataset, "conductors", str(seed))) as folder:
        for fold in folds.values():
            for file, network in fold.networks.items():
                weights.save(
                    folder / f"{file}.safetensors", published_entries(network),
                    {"dataset": dataset, "git": git_revision()},
                )  # fmt: skip
        write_json(
            folder / "conductor.json",
            {
                "dataset": dataset,
                "seed": seed,
                "git": git_revision(),
                "params": settings.model_dump(),
                "folds": {
                    str(number): {
                        str(split): sorted(set(side["piece"]))
                        for split, side in rows.groupby("split")
                    }
                    for number, rows in workspace.folds(ids)
                },
            },
        )
    with new_folder(workspace.data(dataset, "conducted", str(seed))) as folder:
        for fold in folds.values():
            for piece, motion in fold.motion.items():
                write_array(folder / "motion" / f"{piece}.npy", motion)
        for table in ("votes", "neighbours", "offsets"):
            rows = pd.concat([fold.tables[table] for fold in folds.values()])
            write_text(folder / f"{table}.csv", rows.to_csv(index=False, float_format="%.6g"))
    record = provenance(
        params=settings.model_dump(), inputs=inputs, machine=describe(pick_device()),
        seconds=time.monotonic() - started,
    )  # fmt: skip
    write_json(workspace.metrics(dataset, "runs", f"conduct-{seed}.json"), record)
    remove(kept)
    lock.close()


if __name__ == "__main__":
    errors.run(main)
