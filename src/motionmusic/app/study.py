"""``motionmusic study``: people's ratings of recommended music."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motionmusic.app.arguments import (
    Command,
    ForceOption,
    Group,
    JsonOption,
    QuietOption,
    VerboseOption,
    argument,
    counted,
    option,
    print_json,
)
from motionmusic.app.outputs import check_folder, check_input, check_output
from motionmusic.terminal import Volume, note, say

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def study() -> None:
    """Ask people to rate recommended music, and score their ratings.

    **Examples**

    - `motionmusic study make data/m2d_mini/clips/study/contrastive.csv`
    - `motionmusic study score answers/*.csv`
    """


@app.command(cls=Command, short_help="Make a page to hand out, with the clips to rate.")
def make(
    clips: Annotated[
        Path,
        argument(
            "CLIPS.csv",
            "A list of clips: columns dataset, category, dance, music (*own*, or the name of"
            " recommended music), clip (MP4 or WebM, from the list's folder)."
            " The stage clips of a task writes some: data/TASK/clips/study/METHOD.csv.",
        ),
    ],
    out: Annotated[
        Path,
        option("DIR", "The folder that is written; it must not exist. Default: study_kit."),
    ] = Path("study_kit"),
    subjects: Annotated[
        int, option("N", "How many people may take part. Default: 30.", min=1, max=10_000)
    ] = 30,
    seed: Annotated[
        int,
        option("N", "Seed of the orders in which they see the clips. Default: 0.", min=0),
    ] = 0,
    title: Annotated[str, option("TEXT", "The title of the page. Default: Dance and music.")] = "",
    consent: Annotated[
        Path | None,
        option("FILE.txt", "Plain text that everybody has to agree to before they begin."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a study to hand out: a folder with a page and its clips, no server or network needed.

    Each subject opens `index.html` and enters their number (1, 2, …). They see every dance first
    with its own music, then with the recommended music in an order of their own, answer Q1 to Q3,
    and save a CSV that `motionmusic study score` reads.

    **Example**

    - `motionmusic study make data/m2d_mini/clips/study/contrastive.csv`
    """
    check_input(clips, "", "a CSV file that lists clips")
    check_folder(out.parent, "--out")
    from motionmusic.app.study_kit import read_clips, read_consent, write_kit

    agreed = read_consent(consent) if consent else []
    dances = read_clips(clips)
    write_kit(out, dances, subjects, seed, title, agreed)
    ratings = sum(len(dance.candidates) for dance in dances)
    if json:
        facts = {"folder": f"{out}", "page": f"{out / 'index.html'}", "dances": len(dances)}
        print_json(facts | {"clips_to_rate": ratings, "subjects": subjects, "seed": seed})
    note(
        f"Written to {out}: {counted(len(dances), 'dance')}, {counted(ratings, 'clip')} to rate,"
        f" subjects 1 to {subjects}. Open {out / 'index.html'}"
    )


@app.command(cls=Command, short_help="Make the tables of people's ratings.")
def score(
    ratings: Annotated[
        list[Path],
        argument(
            "RATINGS.csv",
            "Ratings, such as one file a subject: columns dataset, category, subject, major, q1, q2,"
            " q3, and item where a row is one rated item.",
        ),
    ],
    out: Annotated[
        Path,
        option(
            "DIR", "Where ratings.csv and scores.json, .csv and .md are written. Default: study."
        ),
    ] = Path("study"),
    outlier: Annotated[
        float,
        option(
            "X",
            "A subject whose Q3 is farther than this from the others of its major is left out."
            " Default: 0.4; 1 leaves nobody out.",
            min=0,
            max=1,
        ),
    ] = 0.4,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a table like the paper's Tables 7 and 8 of ratings, with intervals and agreement.

    Q1 and Q2 of an item are whole numbers from 1 to 5, Q3 is 1 where the recommended music is
    preferred to the dance's own, else 0. Without a column item a row is a subject's mean over a
    category: Q1 and Q2 divided by 5.

    `ratings.csv` has all ratings in one file, checked.

    **Example**

    - `motionmusic study score answers/*.csv`
    """
    for file in ratings:
        check_input(file, "", "a CSV file of ratings")
    if out.exists():
        for name, suffix in (("ratings.csv", ".csv"), ("scores.json", ".json"),
                             ("scores.csv", ".csv"), ("scores.md", ".md")):  # fmt: skip
            check_output(out / name, "--out", ratings, force, (suffix,))
    else:
        check_folder(out.parent, "--out")
    from motionmusic.files import read_json, write_text
    from motionmusic.results.ratings_table import study_tables
    from motionmusic.results.table import write_tables
    from motionmusic.scoring.rating_files import read_ratings

    given = read_ratings(ratings)
    tables = study_tables(given, outlier, seed=0, resamples=2000)
    write_text(out / "ratings.csv", given.to_csv(index=False, lineterminator="\n"))
    write_tables(out, "scores", tables)
    if json:
        print_json(read_json(out / "scores.json", "give the same command again"))
    elif Volume.level > 0:
        say((out / "scores.md").read_text("utf-8").rstrip())
    note(f"Written to {out}")
