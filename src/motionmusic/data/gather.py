"""Filling a corpus's raw folder, one function a source. A folder is whole or not there at all.

Where corpora.*.stand_ins names a folder in MusicToDance's layout, motion or sound of a piece that the
repository lacks is taken from there. RAW/origins.tsv says which is which, and the folder's
PROVENANCE.tsv how its files were made: piece, status (published or composed: the motion), audio.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from motionmusic.data import aist
from motionmusic.data.dance import all_readable
from motionmusic.data.fetch import fetch, fetch_available
from motionmusic.data.manifest import Entry, manifest
from motionmusic.data.musictodance import files_named, find_pieces, read_dance, sound_file
from motionmusic.data.synthetic import write_dances
from motionmusic.errors import UserError
from motionmusic.files import new_folder, write_text
from motionmusic.params import Aist, AnyCorpus, MusicToDance, Own, Retargeted

PUBLISHED, COMPOSED, RE_ENCODED, SUBSTITUTE = "published", "composed", "re-encoded", "substitute"
ORIGINS = "origins.tsv"
REPOSITORY = "repository"
_PARTS = {"skeletons.json": "motion", "config.json": "place", "audio.mp3": "sound"}


@dataclass(frozen=True)
class Piece:
    """Where a piece's three files come from.

    Attributes:
        files: name in the raw folder → file.
        made: motion and sound → REPOSITORY, or what the stand-in is.
        lacking: the files that nobody has → why the repository does not have them.
    """

    files: dict[str, Path]
    made: dict[str, str]
    lacking: dict[str, str]

    def origin(self, part: str) -> str:
        """Of motion: published or composed; of sound: published, re-encoded or substitute."""
        return PUBLISHED if self.made[part] == REPOSITORY else self.made[part]


def gather(name: str, corpus: AnyCorpus, raw: Path, store: Path, choreonet: Path) -> None:
    """Fill ``raw`` with the dances of a corpus; replaced as a whole, when everything is there.

    Downloads stay in ``store``, so that one that broke off goes on where it stopped; MusicToDance's
    raw folder gets a copy of ``choreonet``, ChoreoNet's tables. Raises UserError where a source is
    missing, incomplete or broken.
    """
    if isinstance(corpus, MusicToDance):
        _musictodance(name, corpus, raw, store, choreonet)
    elif isinstance(corpus, Aist):
        folder = Path(corpus.folder) if corpus.folder else None
        aist.gather(raw, folder=folder, accept_terms=corpus.accept_terms, store=store)
    elif isinstance(corpus, Retargeted):
        _retargeted(raw, store)
    elif isinstance(corpus, Own):
        _own(corpus, raw)
    else:
        n, seconds, seed = corpus.pieces_per_type, corpus.seconds, corpus.seed
        with new_folder(raw) as work:
            write_dances(work, pieces_per_type=n, seconds=seconds, seed=seed)


def take_repository(name: str, raw: Path, store: Path) -> None:
    """Every file of a repository's manifest into ``raw``. Raises UserError, OSError."""
    listed = manifest(name)
    paths = fetch(listed, listed.entries, store)
    with new_folder(raw) as folder:
        for entry, path in zip(listed.entries, paths, strict=True):
            (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / entry.path)


def _retargeted(raw: Path, store: Path) -> None:
    with new_folder(raw) as work:
        for source, kind in (("motionmind", "motion"), ("aist_features", "music")):
            listed = manifest(source)
            (work / kind).mkdir()
            for path in fetch(listed, listed.entries, store):
                shutil.copyfile(path, work / kind / path.name)


def _own(corpus: Own, raw: Path) -> None:
    found = find_pieces(Path(corpus.folder))
    wrong = []
    for piece, where in found.items():
        try:
            read_dance(piece, where)  # a broken dance stops here, not hours later
        except UserError as error:
            wrong.append(error)
    all_readable(Path(corpus.folder), wrong)
    with new_folder(raw) as folder:
        for where in found.values():
            try:
                shutil.copytree(where, folder / where.name)
            except shutil.Error as error:  # it lists every file; the first will do
                source, target, reason = error.args[0][0]
                remedy = "free space or mend the permissions, then run the same command again"
                raise UserError(source, "", f"to be copied to {target}", reason, remedy) from None


def _musictodance(name: str, corpus: MusicToDance, raw: Path, store: Path, choreonet: Path) -> None:
    # what is put on the beat is the publishers' motion in the music's time
    listed = manifest("musictodance_retimed" if corpus.source == "on_beat" else corpus.source)
    entries: dict[str, list[Entry]] = {}
    for entry in listed.entries:
        entries.setdefault(entry.path.split("/")[0].removeprefix("DANCE_"), []).append(entry)
    wanted = sorted(entries) if corpus.pieces == "all" else corpus.pieces.split()
    if unknown := sorted(set(wanted) - set(entries)):
        key, remedy = f"corpora.{name}.pieces", "name pieces such as C_2 that the manifest lists"
        expected = f"pieces of {listed.name}"
        raise UserError("params.yaml", key, expected, ", ".join(unknown), remedy)
    files = [entry for piece in wanted for entry in entries[piece]]
    stand_ins: dict[str, tuple[Path, dict[str, str]]] = {}
    absent: dict[str, str] = {}
    if corpus.stand_ins is None:
        here = dict(zip((entry.path for entry in files), fetch(listed, files, store), strict=True))
    else:
        stand_ins = read_stand_ins(Path(corpus.stand_ins))
        here, absent = fetch_available(listed, files, store)
    pieces = {piece: _assembled(piece, here, absent, stand_ins.get(piece)) for piece in wanted}
    complete = {piece: of for piece, of in pieces.items() if not of.lacking}
    if not complete or (len(complete) < len(pieces) and corpus.pieces != "all"):
        expected = f"motion and sound of {len(pieces)} pieces"
        got = f"{len(complete)}; neither the repository nor {corpus.stand_ins} has"
        for of in pieces.values():
            got += "".join(f"\n    {path}: {reason}" for path, reason in of.lacking.items())
        remedy = (
            f"put them into the mirror or {corpus.stand_ins}, or take their pieces out of"
            f" corpora.{name}.pieces (all takes every piece that is complete)"
        )
        raise UserError(raw, "", expected, got, remedy)
    with new_folder(raw) as work:
        for piece, of in complete.items():
            (work / f"DANCE_{piece}").mkdir()
            for file, path in of.files.items():
                shutil.copyfile(path, work / f"DANCE_{piece}" / file)
        lines = [f"{p}\t{of.origin('motion')}\t{of.origin('sound')}" for p, of in complete.items()]
        write_text(work / ORIGINS, "\n".join(["piece\tmotion\tsound", *lines, ""]))
        shutil.copytree(choreonet, work / "choreonet")
    if corpus.stand_ins is not None:
        print(_report(name, corpus.stand_ins, pieces, complete), file=sys.stderr)


def _assembled(
    piece: str,
    here: dict[str, Path],
    absent: dict[str, str],
    stand_in: tuple[Path, dict[str, str]] | None,
) -> Piece:
    """What there is of a piece: from the repository, else from its stand-in."""
    of = Piece({}, {}, {})
    folder, made = stand_in or (Path(), {})
    for file, part in _PARTS.items():
        path, other = f"DANCE_{piece}/{file}", folder / file
        if path in here:
            of.files[file], of.made[part] = here[path], REPOSITORY
            continue
        if stand_in and part == "sound" and files_named(folder, "audio"):
            other = sound_file(folder, "audio")  # of any kind
        if stand_in and other.exists():
            of.files[other.name], of.made[part] = other, made[part]
        else:
            of.lacking[path] = absent[path]
    return of


def read_stand_ins(folder: Path) -> dict[str, tuple[Path, dict[str, str]]]:
    """By piece its stand-in's folder, and what motion and sound in it are.

    Raises UserError where PROVENANCE.tsv does not tell of one.
    """
    table = folder / "PROVENANCE.tsv"
    found = find_pieces(folder)
    remedy = "write the table that tells how each piece's files were made (docs/data.md)"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = {row.get("piece"): row for row in csv.DictReader(file, delimiter="\t")}
    except FileNotFoundError:
        expected = "a table with the columns piece, status, audio"
        raise UserError(table, "", expected, "no such file", remedy) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(table, "", "a table in UTF-8", f"another: {error}", remedy) from None
    stand_ins = {}
    for piece, where in found.items():
        row = rows.get(where.name, {})
        status, audio = row.get("status"), row.get("audio")
        if status not in (PUBLISHED, COMPOSED) or audio is None:
            expected = f"a row of status {PUBLISHED} or {COMPOSED}, with its audio"
            raise UserError(table, where.name, expected, str(status or "none"), remedy)
        sound = SUBSTITUTE if audio.startswith(SUBSTITUTE) else RE_ENCODED
        stand_ins[piece] = where, {"motion": status, "sound": sound, "place": ""}
    return stand_ins


def _report(name: str, stand_ins: str, pieces: dict[str, Piece], complete: dict[str, Piece]) -> str:
    """What was made of what, and which pieces are left out and why."""
    lines = [f"{name}: {len(complete)} of {len(pieces)} pieces, with stand-ins from {stand_ins}"]
    for part in ("motion", "sound"):
        kinds = Counter(of.made[part] for of in complete.values())
        own = kinds.pop(REPOSITORY, 0)
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines.append(f"  {part}: {own} from the repository; stand-ins: {others or 'none'}")
    for piece, of in pieces.items():
        if of.lacking:
            parts = [_PARTS[Path(path).name] for path in of.lacking]
            no = " and no ".join(part for part in parts if part != "place") or "config.json"
            reasons = ", ".join(sorted(set(of.lacking.values())))
            lines.append(f"  left out: {piece}, no {no} ({reasons}, nor in the stand-ins)")
    return "\n".join(lines)
