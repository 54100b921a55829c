"""Filling a corpus's raw folder, one function a source. A folder is whole or not there at all.

MusicToDance may lack files: not every one can be had from everywhere. Where corpora.*.stand_ins
names a folder in the same layout, motion or sound of a piece is taken from there if the repository
does not have it. RAW/origins.tsv says which is which, and the folder's PROVENANCE.tsv how its
files were made: columns piece, status (published or composed: the motion) and audio.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from motionmusic.data import aist
from motionmusic.data.fetch import fetch, fetch_available
from motionmusic.data.manifest import Entry, manifest
from motionmusic.data.musictodance import find_pieces, read_dance, sound_file
from motionmusic.data.synthetic import write_dances
from motionmusic.errors import UserError
from motionmusic.files import new_folder, write_text
from motionmusic.params import Aist, AnyCorpus, MusicToDance, Own, Synthetic

PUBLISHED, COMPOSED, RE_ENCODED, SUBSTITUTE = "published", "composed", "re-encoded", "substitute"
ORIGINS = "origins.tsv"
# a config.json is the same everywhere: its origin is not told
_PARTS = {"skeletons.json": "motion", "config.json": "", "audio.mp3": "sound"}


@dataclass(frozen=True)
class StandIn:
    """A piece of a stand-in folder: what its motion is (published, composed) and its sound."""

    folder: Path
    motion: str
    sound: str


@dataclass(frozen=True)
class Piece:
    """Where a piece's three files come from.

    Attributes:
        files: name in the raw folder → file.
        motion: published or composed.
        sound: published, re-encoded, or substitute (another piece's music).
        lacking: the files that nobody has, and why the repository does not have them.
        stands_in: motion and sound, of these what is not from the repository.
    """

    files: dict[str, Path]
    motion: str
    sound: str
    lacking: dict[str, str]
    stands_in: frozenset[str]


def gather(name: str, corpus: AnyCorpus, raw: Path, store: Path, choreonet: Path) -> None:
    """Fill ``raw`` with the dances of a corpus.

    Args:
        name: the corpus's, for messages.
        corpus: its group of params.yaml.
        raw: made or replaced as a whole, and only when everything is there.
        store: where downloads stay, so that one that broke off goes on where it stopped.
        choreonet: ChoreoNet's tables, which MusicToDance's raw folder gets a copy of.

    Raises:
        UserError: a source is missing, incomplete or broken.
    """
    if isinstance(corpus, MusicToDance):
        _musictodance(name, corpus, raw, store, choreonet)
    elif isinstance(corpus, Aist):
        folder = Path(corpus.folder) if corpus.folder else None
        aist.gather(raw, folder=folder, accept_terms=corpus.accept_terms, store=store)
    elif isinstance(corpus, Own):
        _own(corpus, raw)
    else:
        _synthetic(corpus, raw)


def take_repository(name: str, raw: Path, store: Path) -> None:
    """Every file of a repository's manifest into ``raw``. Raises UserError, OSError."""
    listed = manifest(name)
    paths = fetch(listed, listed.entries, store)
    with new_folder(raw) as folder:
        for entry, path in zip(listed.entries, paths, strict=True):
            (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / entry.path)


def _synthetic(corpus: Synthetic, raw: Path) -> None:
    with new_folder(raw) as folder:
        write_dances(
            folder,
            pieces_per_type=corpus.pieces_per_type,
            seconds=corpus.seconds,
            seed=corpus.seed,
        )


def _own(corpus: Own, raw: Path) -> None:
    found = find_pieces(Path(corpus.folder))
    with new_folder(raw) as folder:
        for piece, where in found.items():
            read_dance(piece, where)  # a broken dance stops here, not hours later
            try:
                shutil.copytree(where, folder / where.name)
            except shutil.Error as error:  # it lists every file; the first will do
                source, target, reason = error.args[0][0]
                remedy = "free space or mend the permissions, then run the same command again"
                raise UserError(source, "", f"to be copied to {target}", reason, remedy) from None


def _musictodance(name: str, corpus: MusicToDance, raw: Path, store: Path, choreonet: Path) -> None:
    listed = manifest(corpus.source)
    entries: dict[str, list[Entry]] = {}
    for entry in listed.entries:
        entries.setdefault(entry.path.split("/")[0].removeprefix("DANCE_"), []).append(entry)
    wanted = sorted(entries) if corpus.pieces == "all" else corpus.pieces.split()
    if unknown := sorted(set(wanted) - set(entries)):
        raise UserError(
            "params.yaml",
            f"corpora.{name}.pieces",
            f"pieces of {listed.name}",
            ", ".join(unknown),
            "name pieces such as C_2 that the manifest lists",
        )
    files = [entry for piece in wanted for entry in entries[piece]]
    stand_ins: dict[str, StandIn] = {}
    absent: dict[str, str] = {}
    if corpus.stand_ins is None:
        here = dict(zip((entry.path for entry in files), fetch(listed, files, store), strict=True))
    else:
        stand_ins = read_stand_ins(Path(corpus.stand_ins))
        here, absent = fetch_available(listed, files, store)
    pieces = {piece: _assembled(piece, here, absent, stand_ins.get(piece)) for piece in wanted}
    complete = {piece: of for piece, of in pieces.items() if not of.lacking}
    if not complete or (len(complete) < len(pieces) and corpus.pieces != "all"):
        lacking = [f"    {text}" for of in pieces.values() for text in _lacks(of)]
        raise UserError(
            raw,
            "",
            f"motion and sound of {len(pieces)} pieces",
            f"{len(complete)}; neither the repository nor {corpus.stand_ins} has\n"
            + "\n".join(lacking),
            f"put them into the mirror or {corpus.stand_ins}, or take their pieces out of"
            f" corpora.{name}.pieces (all takes every piece that is complete)",
        )
    with new_folder(raw) as work:
        for piece, of in complete.items():
            (work / f"DANCE_{piece}").mkdir()
            for file, path in of.files.items():
                shutil.copyfile(path, work / f"DANCE_{piece}" / file)
        lines = [f"{piece}\t{of.motion}\t{of.sound}" for piece, of in complete.items()]
        write_text(work / ORIGINS, "\n".join(["piece\tmotion\tsound", *lines, ""]))
        shutil.copytree(choreonet, work / "choreonet")
    if corpus.stand_ins is not None:
        print(_report(name, corpus.stand_ins, pieces, complete), file=sys.stderr)


def _assembled(
    piece: str, here: dict[str, Path], absent: dict[str, str], stand_in: StandIn | None
) -> Piece:
    """What there is of a piece: from the repository, else from its stand-in."""
    files: dict[str, Path] = {}
    lacking: dict[str, str] = {}
    stands_in = set()
    for file, part in _PARTS.items():
        path = f"DANCE_{piece}/{file}"
        if path in here:
            files[file] = here[path]
            continue
        there = [] if stand_in is None else sorted(stand_in.folder.glob(file.replace("mp3", "*")))
        if stand_in is None or not there:
            lacking[path] = absent[path]
            continue
        other = sound_file(stand_in.folder, "audio") if part == "sound" else there[0]
        files[other.name] = other
        stands_in.add(part)
    return Piece(
        files=files,
        motion=stand_in.motion if stand_in and "motion" in stands_in else PUBLISHED,
        sound=stand_in.sound if stand_in and "sound" in stands_in else PUBLISHED,
        lacking=lacking,
        stands_in=frozenset(stands_in),
    )


def read_stand_ins(folder: Path) -> dict[str, StandIn]:
    """The pieces of a stand-in folder. Raises UserError where PROVENANCE.tsv does not tell of one."""
    table = folder / "PROVENANCE.tsv"
    found = find_pieces(folder)
    remedy = "write the table that tells how each piece's files were made (docs/data.md)"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = {row.get("piece"): row for row in csv.DictReader(file, delimiter="\t")}
    except FileNotFoundError:
        expected = "a table with the columns piece, status, audio"
        raise UserError(table, "", expected, "no such file", remedy) from None
    stand_ins = {}
    for piece, where in found.items():
        row = rows.get(where.name, {})
        status, audio = row.get("status"), row.get("audio")
        if status not in (PUBLISHED, COMPOSED) or audio is None:
            expected = f"a row of status {PUBLISHED} or {COMPOSED}, with its audio"
            raise UserError(table, where.name, expected, str(status or "none"), remedy)
        sound = SUBSTITUTE if audio.startswith(SUBSTITUTE) else RE_ENCODED
        stand_ins[piece] = StandIn(where, status, sound)
    return stand_ins


def _lacks(of: Piece) -> list[str]:
    return [f"{path}: {reason}" for path, reason in of.lacking.items()]


def _report(name: str, stand_ins: str, pieces: dict[str, Piece], complete: dict[str, Piece]) -> str:
    """What was made of what, and which pieces are left out and why."""
    lines = [f"{name}: {len(complete)} of {len(pieces)} pieces, with stand-ins from {stand_ins}"]
    for part in ("motion", "sound"):
        kinds = Counter(
            getattr(of, part) if part in of.stands_in else "from the repository"
            for of in complete.values()
        )
        own = kinds.pop("from the repository", 0)
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines.append(f"  {part}: {own} from the repository; stand-ins: {others or 'none'}")
    for piece, of in pieces.items():
        if of.lacking:
            parts = " and no ".join(
                part for path in of.lacking if (part := _PARTS[Path(path).name])
            )
            reasons = ", ".join(sorted(set(of.lacking.values())))
            lines.append(f"  left out: {piece}, no {parts} ({reasons}, nor in the stand-ins)")
    return "\n".join(lines)
