"""The pieces of a corpus, whatever its source: its dances in order, and their table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from motionmusic.data import aist, aist_retargeted, musictodance
from motionmusic.data.dance import Dance, all_readable
from motionmusic.data.gather import COMPOSED, ORIGINS, RE_ENCODED, SUBSTITUTE
from motionmusic.errors import UserError
from motionmusic.features.skeletons import layout_of
from motionmusic.params import (
    AnyCorpus,
    AnyMusic,
    Bones,
    Joints,
    Segment,
    motion_rate_hz,
)
from motionmusic.workspace import About


def dances(source: str, raw: Path) -> Iterator[Dance]:
    """Every dance of a raw folder, in the order of the pieces' names.

    Raises UserError after the last of them, which names all that cannot be read.
    """
    wrong: list[UserError] = []
    for read in _readers(source, raw):
        try:
            dance = read()
        except UserError as error:
            wrong.append(error)
        else:
            yield dance
    all_readable(raw, wrong)


def _readers(source: str, raw: Path) -> Iterator[Callable[[], Dance]]:
    if source == "aist":
        for piece in aist.find_pieces(raw):
            if aist.split_of(piece) != "unused":
                yield partial(aist.read_dance, piece, raw)
    elif source == "aist_retargeted":
        for piece in aist_retargeted.find_pieces(raw):
            yield partial(aist_retargeted.read_dance, piece, raw)
    else:
        for piece, folder in musictodance.find_pieces(raw).items():
            yield partial(musictodance.read_dance, piece, folder)


def label_of(dance: Dance, name: str, corpus: AnyCorpus) -> int:
    """The number of a dance's type. Raises UserError where the corpus has no such label."""
    labels = list(corpus.labels)
    if dance.code not in labels:
        expected = f"a dance type of {', '.join(labels)}"
        remedy = f"rename the piece, or add the type to corpora.{name}.labels"
        raise UserError(dance.piece, "name", expected, dance.code, remedy)
    return labels.index(dance.code)


def table(
    rows: Sequence[tuple[Dance, int]], name: str, corpus: AnyCorpus, raw: Path
) -> pd.DataFrame:
    """pieces.csv of every dance and the number of its type; ``raw`` may have origins.tsv.

    Returns piece, label, frames, motion_rate_hz, music_file (in the raw folder), music_start_s,
    music_end_s (NaN where unknown), official_split, broken_tracking (AIST++; nothing where it has no
    ignore list), motion_origin and
    sound_origin (published, composed, re-encoded; the source's name where it is not MusicToDance),
    and what only this source tells of its dances.
    Raises UserError where a type has no dance.
    """
    danced = {label for _, label in rows}
    for number, (code, called) in enumerate(corpus.labels.items()):
        if number not in danced:
            expected = f"at least one dance of type {code} ({called})"
            remedy = f"add its dances, or take {code} out of corpora.{name}.labels"
            raise UserError(raw, "", expected, "none", remedy)
    ignored = raw / "ignore_list.txt"
    broken = aist.read_ignore_list(ignored) if ignored.exists() else set()
    told = corpus.source != "aist" or ignored.exists()
    pieces = pd.DataFrame(
        {
            "piece": dance.piece,
            "label": label,
            "frames": len(dance.skeletons),
            "motion_rate_hz": motion_rate_hz(corpus.source),
            "music_file": dance.music_file.relative_to(raw).as_posix(),
            "music_start_s": dance.music_start_s,
            "music_end_s": dance.music_end_s,
            "official_split": aist.split_of(dance.piece) if corpus.source == "aist" else "",
            "broken_tracking": dance.piece in broken if told else None,
            **dance.facts,
        }
        for dance, label in rows
    )
    if not (raw / ORIGINS).exists():
        return pieces.assign(motion_origin=corpus.source, sound_origin=corpus.source)
    origins = pd.read_csv(raw / ORIGINS, sep="\t", dtype=str).set_index("piece")
    of = origins.loc[pieces["piece"]]
    return pieces.assign(motion_origin=of["motion"].to_numpy(), sound_origin=of["sound"].to_numpy())


def about_task(
    task: str,
    corpus: str,
    source: AnyCorpus,
    settings: Segment,
    excerpts: int | None,
    pieces: pd.DataFrame,
    labels: dict[str, str],
    joints: Joints,
    bones: Bones,
    music: AnyMusic,
) -> About:
    """What the stages of a task need to know of its corpus (about.json), by their groups of params.

    ``pieces`` and ``labels`` are those that its protocol can use.

    Of each class so many ``excerpts`` are kept; None where all are.
    """
    composed = pieces["motion_origin"] == COMPOSED
    other = pieces["sound_origin"].isin([RE_ENCODED, SUBSTITUTE])
    return About(
        task=task,
        corpus=corpus,
        source=source.source,
        layout=layout_of(source),
        motion_rate_hz=motion_rate_hz(source.source),
        labels=labels,
        center=joints.center,
        scale=joints.scale,
        paper_bones=bones.paper,
        music=music.model_dump(),
        protocol=settings.protocol,
        folds=settings.folds,
        excerpt_frames=settings.excerpt_frames,
        excerpts=excerpts,
        pieces=len(pieces),
        stand_ins={
            "motion": int(composed.sum()),
            "sound": int(other.sum()),
            "pieces": int((composed | other).sum()),
        },
    )
