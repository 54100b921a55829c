"""A whole small task: a corpus of twelve dances, its segments in two folds, networks to start from.

Every number in it is drawn for its piece, fold or file alone, so that whatever is taken from
another place is another number. Rows lie class by class, which is not the order of the names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
from params_file import set_params
from task_facts import ABOUT

from motionmusic.features.skeletons import MUSICTODANCE, paper_graph
from motionmusic.files import write_array, write_json, write_text
from motionmusic.models import weights
from motionmusic.models.heads import mapping
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.streams import stream, stream_seed
from motionmusic.training.phases import adam

TASK = "synthetic"
DATA = Path("data", TASK)
CLASSES, WIDTH, FOLDS = 4, 4, 2
NAMES = [f"P_{n:02}" for n in range(12)]
ORDER = sorted(NAMES, key=lambda name: (int(name[2:]) % CLASSES, name))
EXCERPT, EXCERPTS, SEGMENTS, FRAMES = 55, 2, 2, 120  # frames of 25 a second; a tail is left over
SOUND_HZ, SOUND_S = 12_800, 8.0
CHANNELS = {"joints": 3, "bones": 3, "merged": 6}
PARAMS: dict[str, object] = {
    "train.synthetic.width": WIDTH, "train.synthetic.batch": 16, "train.synthetic.epochs": 2,
    "train.synthetic.select": "last", "cotrain.synthetic.epochs": 2,
    "match.size": 4, "match.epochs": 2, "match.batch": 16, "deconfounded.hardest": 3,
    "synchrony.synthetic.epochs": 2, "dance.synthetic": {"steps": 2, "generator_steps": 1},
    "baseline": {"trees": 20, "logistic_c": 0.3}, "evaluate.resamples": 100,
    "benchmark.seeds": [0, 1],
}  # fmt: skip


def split_of(name: str, fold: int) -> str:
    """Four pieces of four classes on each side."""
    return ("test", "validation", "train")[(int(name[2:]) // CLASSES + fold) % 3]


def pieces_of(fold: int, *splits: str) -> list[str]:
    """The pieces of a fold on these sides."""
    return [name for name in NAMES if split_of(name, fold) in splits]


def few(fold: int, *splits: str) -> list[str]:
    """Two pieces a side: enough for large networks."""
    return [name for name in pieces_of(fold, *splits) if int(name[2:]) % CLASSES < 2]


def keep_few() -> None:
    """Leave two pieces a side in the index of segments, in the current folder."""
    path = DATA / "segments/index.parquet"
    index = pd.read_parquet(path)
    index[index["piece"].str[2:].astype(int) % CLASSES < 2].to_parquet(path)


def write_task(space: Path) -> None:
    """Everything but what trainings leave."""
    set_params(PARAMS, space)
    for name in NAMES:
        write_piece(space / DATA, name, 0)
    labels = {name: int(name[2:]) % CLASSES for name in NAMES}
    write_tables(space / DATA, labels, {name: f"{name}.wav" for name in NAMES})
    write_json(space / DATA / "segments/about.json", ABOUT | {"excerpt_frames": EXCERPT})
    write_text(space / DATA / "segments/units.csv", "piece,start,end,unit,capture\n")
    cut(space / DATA)


def write_piece(folder: Path, name: str, version: int) -> None:
    """Motion, music and sound of a piece; another version is other noise."""
    random = stream(version, "small_task", name)
    write_array(folder / f"joints/{name}.npy", random.random((FRAMES, 23, 3), np.float32))
    write_array(folder / f"music/{name}.npy", random.random((FRAMES, 96), np.float32))
    steps = 0.01 * random.standard_normal((FRAMES * 30 // 25, 13, 2))
    write_array(folder / f"keypoints/{name}.npy", (0.5 + steps.cumsum(0)).astype(np.float32))
    times = np.arange(int(SOUND_S * SOUND_HZ)) / SOUND_HZ
    hz, every = random.uniform(200, 900), random.uniform(0.3, 0.7)
    sound = np.sin(2 * np.pi * hz * times) * (times % every < 0.1)
    sound += 0.01 * random.standard_normal(len(times))
    (folder / "raw").mkdir(exist_ok=True)
    soundfile.write(folder / f"raw/{name}.wav", 0.5 * sound, SOUND_HZ)
    beats = np.sort(random.uniform(0, FRAMES / 25, 9))
    later = {"music": 0.0, "motion_mint": 0.1, "motion_bailando": 0.2}
    rows = [{"piece": name, "kind": kind, "time_s": at + by} for at in beats
            for kind, by in later.items()]  # fmt: skip
    path = folder / "beats.parquet"
    others = pd.read_parquet(path).query("piece != @name") if path.exists() else None
    pd.concat([others, pd.DataFrame(rows)]).to_parquet(path, index=False)


def write_tables(folder: Path, labels: dict[str, int], sounds: dict[str, str]) -> None:
    """pieces.csv and the segments' ids."""
    pieces = pd.DataFrame({"piece": NAMES, "label": [labels[name] for name in NAMES]})
    pieces["music_file"] = [sounds[name] for name in NAMES]
    pieces["music_start_s"] = [0.5 + 0.1 * n for n in range(len(NAMES))]
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    rows = [
        {"split": split_of(name, fold), "fold": fold, "piece": name, "excerpt": excerpt,
         "segment": segment, "label": labels[name]}
        for fold in range(FOLDS) for name in ORDER for excerpt in range(EXCERPTS)
        for segment in range(SEGMENTS)
    ]  # fmt: skip
    (folder / "segments").mkdir(exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder / "segments/index.parquet")


def cut(folder: Path) -> None:
    """The segments' arrays, from the pieces'."""
    parts: dict[str, list[Any]] = {"joints": [], "music": []}
    for name in ORDER:
        joints, music = (np.load(folder / f"{kind}/{name}.npy") for kind in parts)
        for first in starts():
            parts["joints"].append(joints[first : first + 25].transpose(2, 0, 1))
            parts["music"].append(music[first : first + 25].T[None])
    joints, music = (np.stack(of) for of in parts.values())
    bones = joints - joints[..., list(MUSICTODANCE.parents)]
    merged = np.concatenate([joints, bones], axis=1)
    arrays = {"joints": joints, "bones": bones, "merged": merged, "music": music}
    for kind, array in arrays.items():
        write_array(folder / f"segments/{kind}.npy", array)


def row_of(piece: str, excerpt: int, segment: int) -> int:
    """The row of a segment in the arrays."""
    return (ORDER.index(piece) * EXCERPTS + excerpt) * SEGMENTS + segment


def rows_of(fold: int, *splits: str) -> list[int]:
    """The rows of a fold that lie on these sides, in order."""
    n = EXCERPTS * SEGMENTS
    return [n * i + k for i, name in enumerate(ORDER) if split_of(name, fold) in splits
            for k in range(n)]  # fmt: skip


def logits_by_row(table: pd.DataFrame, fold: int) -> dict[int, Any]:
    """The logits of one fold's predictions by row of the arrays; every tested row must be there once.

    A piece is on different sides of different folds, so a row's split tells its fold.
    """
    found: dict[int, Any] = {}
    names = [f"logit_{label}" for label in range(CLASSES)]
    for row in table.to_dict("records"):
        if row["split"] == split_of(row["piece"], fold):
            at = row_of(row["piece"], row["excerpt"], row["segment"])
            assert row["label"] == int(row["piece"][2:]) % CLASSES
            assert at not in found
            found[at] = np.array([row[name] for name in names])
    assert sorted(found) == rows_of(fold, "validation", "test")
    return found


def starts() -> list[int]:
    """The first frames of a piece's segments."""
    return [EXCERPT * e + 25 * s for e in range(EXCERPTS) for s in range(SEGMENTS)]


def poison(names: Iterable[str]) -> None:
    """Other motion, music, sound, beats and labels of these pieces, in the current folder."""
    chosen = set(names)
    for name in chosen:
        write_piece(DATA, name, 1)
    labels = {name: (int(name[2:]) + (name in chosen)) % CLASSES for name in NAMES}
    # two of them to one track
    track = min(chosen)
    write_tables(DATA, labels, {n: f"{track if n in chosen else n}.wav" for n in NAMES})
    cut(DATA)


def encoder(kind: str) -> MotionEncoder:
    """A motion encoder of the task, of new weights."""
    return MotionEncoder(
        CHANNELS[kind], torch.from_numpy(paper_graph(MUSICTODANCE)), CLASSES, WIDTH
    )


def write_weights(name: str, version: int = 0) -> None:
    """What phase 1 or 2 leaves in a cell, made up: every number a little larger, by chance of the name."""
    cell, kind, *_ = name.split("/")[0].split("-")
    if cell == "music":
        state = _phase1("dropout" if ".dropout." in name else "plain")
    else:
        state = {"motion": _phase1, "cotrain": _phase2}[cell](kind)
    random = torch.Generator().manual_seed(stream_seed(version, "small_task", name))
    changed = {
        key: value + 0.1 * torch.rand(value.shape, generator=random)
        if value.is_floating_point() and value.ndim > 0 else value
        for key, value in state.items()
    }  # fmt: skip
    weights.save(DATA / f"cells/{name}.safetensors", changed)


@cache
def _phase1(kind: str) -> weights.State:
    """A network of motion or music after one step of Adam."""
    if kind in CHANNELS:
        network: torch.nn.Module = encoder(kind)
    else:
        network = MusicAutoencoder(2 * WIDTH, dropout=kind == "dropout")
    optimiser = adam(network, 0.01)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    moments = weights.optimiser_state(optimiser)
    return weights.prefixed(network=network.state_dict(), adam=moments)


@cache
def _phase2(kind: str) -> weights.State:
    """The networks of the variant fc."""
    motion, music = encoder(kind).state_dict(), MusicAutoencoder(2 * WIDTH).state_dict()
    return weights.prefixed(motion=motion, music=music, mapping=mapping(4 * WIDTH).state_dict())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
