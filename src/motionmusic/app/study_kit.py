"""A study to hand out: a folder with one page and its clips; it needs neither server nor network.

As in the paper (Gong et al. 2024, Section 4.5), every subject sees every dance first with its own
music, then with each recommended track, and answers Q1 to Q3 about each of these. The page is run by
jsPsych (study_page/jspsych, with its licence).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from motionmusic.csv_files import checked_rows
from motionmusic.errors import UserError
from motionmusic.files import must_be_file, new_folder, write_text
from motionmusic.streams import stream

COLUMNS = ("dataset", "category", "dance", "music", "clip")
OWN = "own"  # in the column music: the dance's own
KINDS = (".mp4", ".webm")  # of which every browser plays some
_PAGE = Path(__file__).parent / "study_page"
_REMEDY = "mend the list (docs/study.md says what it holds)"


class Dance(NamedTuple):
    """One dance of a study: the clip with its own music, and those with other music by its name."""

    dataset: str
    category: str
    name: str
    own: Path
    candidates: dict[str, Path]


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
            twice, without other music, or twice with the same; two that are called alike.
    """
    found: dict[tuple[str, str, str], dict[str, Path]] = {}
    items = set()
    for line, row in checked_rows(path, "clips", COLUMNS, _REMEDY):
        for name in COLUMNS:
            if not row[name]:
                raise UserError(path, f"line {line}, {name}", "a text", "nothing", _REMEDY)
        clips = found.setdefault((row["dataset"], row["category"], row["dance"]), {})
        music = row["music"]
        if music in clips:
            once = f"{row['dance']} once with each music"
            remedy = "take one of the rows out, or give two tracks two names"
            raise UserError(path, f"line {line}, music", once, f"{music} again", remedy)
        item = row["dataset"], row["category"], item_of(row["dance"], music)
        if item in items:
            once = "names by which a dance and a music are known together"
            got = f"{item[2]} twice, of two dances"
            raise UserError(path, f"line {line}, music", once, got, "give one another name")
        items.add(item)
        clips[music] = _checked(path, line, row["clip"])
    for (_, category, name), clips in found.items():
        if OWN not in clips or len(clips) == 1:
            lacks = "recommended music" if OWN in clips else f"its own music, called {OWN}"
            remedy = "add the clip, or take the dance out"
            raise UserError(path, f"{category}, {name}", f"a clip with {lacks}", "none", remedy)
    return [Dance(*names, clips.pop(OWN), clips) for names, clips in found.items()]


def _checked(path: Path, line: int, name: str) -> Path:
    """The clip that a row names."""
    clip = path.parent / name
    if not clip.is_file():
        got = f"no such file: {clip}"
    elif clip.suffix.lower() not in KINDS:
        got = f"{name}, which browsers may not play"
    elif not clip.stat().st_size:
        got = f"an empty file: {clip}"
    else:
        return clip
    remedy = "make the clip, mend its path (from the list's folder on), or take the row out"
    raise UserError(path, f"line {line}, clip", f"a video, {' or '.join(KINDS)}", got, remedy)


def item_of(dance: str, music: str) -> str:
    """What a rating is called that a subject gives to a dance with a music."""
    return f"{dance} with {music}"


def order(candidates: Sequence[int], seed: int, subject: int) -> list[tuple[int, list[int]]]:
    """What a subject (from 1) sees, in order: dances' numbers from 0, of each its candidates' from 0.

    The paper does not say in which order; here every subject has their own. ``candidates`` is how
    many each dance has.
    """
    random = stream(seed, "study", subject)
    dances = random.permutation(len(candidates)).tolist()
    return [(dance, random.permutation(candidates[dance]).tolist()) for dance in dances]


def read_consent(path: Path) -> list[str]:
    """The paragraphs of a text file, between empty lines. Raises UserError where there are none."""
    remedy = "write what subjects agree to as plain text in UTF-8"
    must_be_file(path, "a text file", remedy)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(path, "", "text in UTF-8", str(error), remedy) from None
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if not paragraphs:
        raise UserError(path, "", "a text", "nothing", remedy)
    return paragraphs


def write_kit(
    out: Path,
    dances: Sequence[Dance],
    subjects: int,
    seed: int,
    title: str = "",
    consent: Sequence[str] = (),
) -> None:
    """Write the folder of a study: index.html, what it needs, and clips/.

    Args:
        out: a folder that does not exist.
        dances: from :func:`read_clips`.
        subjects: how many may take part, numbered from 1.
        seed: of the orders.
        title: above the page; its own where there is none.
        consent: paragraphs that a subject has to agree to before they begin.

    Raises:
        UserError: ``out`` exists.
        OSError: it cannot be written, or a clip cannot be read. Nothing is left of it then.
    """
    if out.exists():
        remedy = (
            "name another with --out, or delete it: subjects in the middle of a study need its page"
            " as it is"
        )
        raise UserError(out, "", "a folder that is not there yet", "one that exists", remedy)
    clips: dict[str, Path] = {}

    def named(clip: Path) -> str:
        """Its name in the folder, a number, which tells nothing of the music."""
        name = f"clips/{len(clips) + 1:03}{clip.suffix.lower()}"
        clips[name] = clip
        return name

    shown = [
        {
            "dataset": dance.dataset,
            "category": dance.category,
            "own": named(dance.own),
            "candidates": [
                {"item": item_of(dance.name, music), "clip": named(clip)}
                for music, clip in dance.candidates.items()
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
        for name, clip in clips.items():
            shutil.copyfile(clip, folder / name)
            with clip.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        # by its id a browser knows what it keeps of this study, and of no other
        study = {"id": digest.hexdigest()[:16], "seed": seed, "dances": shown, "orders": orders}
        study |= {"title": title, "consent": list(consent)}
        write_text(folder / "study_data.js", f"const STUDY = {json.dumps(study)};\n")
