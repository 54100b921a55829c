"""A study to hand out: a folder with one page and its clips; it needs neither server nor network.

The design is the paper's (Gong et al. 2024, Section 4.5): every subject sees every dance, first with
its own music, then with each recommended track, and answers Q1 to Q3 about each of these. The paper
does not say in which order; here every subject has their own order of dances and of tracks, from
``stream(seed, "study", subject)``.

The page is run by jsPsych (study_page/jspsych, with its licence).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionmusic.errors import UserError
from motionmusic.files import new_folder, write_text
from motionmusic.streams import stream

COLUMNS = ("dataset", "category", "dance", "music", "clip")
OWN = "own"  # in the column music: the dance's own
KINDS = (".mp4", ".webm")  # of which every browser plays some
_PAGE = Path(__file__).parent / "study_page"
_REMEDY = "mend the list (docs/study.md says what it holds)"


@dataclass(frozen=True)
class Dance:
    """One dance of a study.

    Attributes:
        dataset, category, name: what is danced.
        own: the clip with the dance's own music.
        candidates: (name of the music, clip) with recommended music.
    """

    dataset: str
    category: str
    name: str
    own: Path
    candidates: tuple[tuple[str, Path], ...]


def read_clips(path: Path) -> list[Dance]:
    """The dances of a list of clips, every clip checked for being there.

    CSV in UTF-8, columns in any order, others ignored: dataset, category, dance, music (``own``, or
    the name of recommended music) and clip (MP4 or WebM, from the list's folder). The rows of a
    dance need not be together.

    Returns:
        Dances, and candidates of each, in the order of their first rows.

    Raises:
        UserError: a list that is missing, no CSV or without rows; a missing column; an empty cell;
            a clip that is missing, empty or of another kind; a dance without its own music, with it
            twice, without other music, or twice with the same.
    """
    found: dict[tuple[str, str, str], dict[str, Path]] = {}
    for line, row in _read(path):
        for name in COLUMNS:
            if not row[name]:
                raise UserError(path, f"line {line}, {name}", "a text", "nothing", _REMEDY)
        clips = found.setdefault((row["dataset"], row["category"], row["dance"]), {})
        if row["music"] in clips:
            raise UserError(
                path, f"line {line}, music", f"{row['dance']} once with each music",
                f"{row['music']} again",
                "take one of the rows out, or give two tracks two names",
            )  # fmt: skip
        clips[row["music"]] = _checked(path, line, row["clip"])
    if not found:
        raise UserError(path, "", "clips", "no row below the header", _REMEDY)
    dances = []
    for (dataset, category, name), clips in found.items():
        own = clips.pop(OWN, None)
        if own is None or not clips:
            lacks = "recommended music" if own else f"its own music, called {OWN}"
            raise UserError(
                path, f"{category}, {name}", f"a clip with {lacks}", "none",
                "add the clip, or take the dance out",
            )  # fmt: skip
        dances.append(Dance(dataset, category, name, own, tuple(clips.items())))
    return dances


def _read(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its (last) line."""
    if path.is_dir():
        raise UserError(
            path, "", "a CSV file that lists clips", "a folder",
            "name the list in it, such as data/TASK/clips/study/contrastive.csv",
        )  # fmt: skip
    try:
        text = path.read_bytes().decode("utf-8-sig")  # with or without byte order mark
    except OSError as error:
        raise UserError(
            path, "", "a readable CSV file that lists clips", error.strerror or str(error),
            "check the path; the stage clips of a task writes data/TASK/clips/study/METHOD.csv",
        ) from None  # fmt: skip
    except UnicodeDecodeError as error:
        raise UserError(path, "", "a CSV file in UTF-8", str(error), _REMEDY) from None
    # strict: a quote that is never closed would otherwise swallow the rest of the file
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        head = reader.fieldnames or []
        if any(head.count(name) != 1 for name in COLUMNS):
            raise UserError(
                path, "line 1", f"the columns {', '.join(COLUMNS)}, each once",
                ",".join(head)[:200] or "nothing", _REMEDY,
            )  # fmt: skip
        for row in reader:
            if None in row or None in row.values():
                raise UserError(
                    path, f"line {reader.line_num}", f"{len(head)} fields as in the header",
                    "another number", "mend the row; a text with a comma needs quotes",
                )  # fmt: skip
            yield reader.line_num, {name: cell.strip() for name, cell in row.items()}
    except csv.Error as error:
        raise UserError(
            path, f"line {reader.reader.line_num}", "CSV", str(error), _REMEDY
        ) from None


def _checked(path: Path, line: int, name: str) -> Path:
    """The clip that a row names."""
    clip = path.parent / name
    got = None
    if not clip.is_file():
        got = f"no such file: {clip}"
    elif clip.suffix.lower() not in KINDS:
        got = f"{name}, which browsers may not play"
    elif not clip.stat().st_size:
        got = f"an empty file: {clip}"
    if got:
        raise UserError(
            path, f"line {line}, clip", f"a video, {' or '.join(KINDS)}", got,
            "make the clip, mend its path (it starts from the list's folder), or take the row out",
        )  # fmt: skip
    return clip


def order(candidates: Sequence[int], seed: int, subject: int) -> list[tuple[int, list[int]]]:
    """What a subject sees: the dances' numbers from 0, of each its candidates' from 0, in order.

    Args:
        candidates: how many each dance has.
        seed: of the study.
        subject: from 1.
    """
    random = stream(seed, "study", subject)
    dances = random.permutation(len(candidates)).tolist()
    return [(dance, random.permutation(candidates[dance]).tolist()) for dance in dances]


def write_kit(out: Path, dances: Sequence[Dance], subjects: int, seed: int) -> None:
    """Write the folder of a study: index.html, what it needs, and clips/.

    The clips' names there are numbers, so that they tell nothing of the music.

    Args:
        out: a folder that does not exist.
        dances: from :func:`read_clips`.
        subjects: how many may take part, numbered from 1.
        seed: of the orders.

    Raises:
        UserError: ``out`` exists.
        OSError: it cannot be written, or a clip cannot be read. Nothing is left of it then.
    """
    if out.exists():
        raise UserError(
            out, "", "a folder that is not there yet", "one that exists",
            "name another with --out, or delete it: subjects in the middle of a study need its page"
            " as it is",
        )  # fmt: skip
    clips = [
        clip for dance in dances for clip in (dance.own, *(clip for _, clip in dance.candidates))
    ]
    names = [f"clips/{n:03}{clip.suffix.lower()}" for n, clip in enumerate(clips, 1)]
    place = iter(names)
    shown = [
        {
            "dataset": dance.dataset,
            "category": dance.category,
            "own": next(place),
            "candidates": [
                {"item": f"{dance.name} with {music}", "clip": next(place)}
                for music, _ in dance.candidates
            ],
        }
        for dance in dances
    ]
    counts = [len(dance.candidates) for dance in dances]
    orders = [order(counts, seed, subject) for subject in range(1, subjects + 1)]
    digest = hashlib.sha256(json.dumps([shown, orders]).encode())
    with new_folder(out) as folder:
        shutil.copytree(_PAGE, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        (folder / "clips").mkdir()
        for clip, name in zip(clips, names, strict=True):
            shutil.copyfile(clip, folder / name)
            with clip.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        # by its id a browser knows what it keeps of this study, and of no other
        study = {"id": digest.hexdigest()[:16], "seed": seed, "dances": shown, "orders": orders}
        write_text(folder / "study_data.js", f"const STUDY = {json.dumps(study)};\n")
