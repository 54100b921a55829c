"""``motionmusic study``: people's ratings of recommended music."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Ask people to rate recommended music, and score their ratings.",
)


@app.callback()
def study() -> None:
    """Ask people to rate recommended music, and score their ratings.

    **Examples**

    - `motionmusic study make data/m2d_mini/clips/study/contrastive.csv`
    - `motionmusic study score answers/*.csv`
    """


@app.command()
def make(
    clips: Annotated[
        Path,
        typer.Argument(
            metavar="CLIPS.csv",
            help="A list of clips: columns dataset, category, dance, music (*own*, or the name of"
            " recommended music), clip (MP4 or WebM, from the list's folder)."
            " The stage clips of a task writes some: data/TASK/clips/study/METHOD.csv.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that is written; it must not exist.")
    ] = Path("study_kit"),
    subjects: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many people may take part.")
    ] = 30,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the orders in which they see the clips.")
    ] = 0,
) -> None:
    """Make a study to hand out: a folder with a page and its clips, no server or network needed.

    Each subject opens `index.html` and enters their number (1, 2, …). They see every dance first
    with its own music, then with the recommended music in an order of their own, answer Q1 to Q3,
    and save a CSV that `motionmusic study score` reads.

    **Example**

    - `motionmusic study make data/m2d_mini/clips/study/contrastive.csv --subjects 9`
    """
    from motionmusic.app.study_kit import read_clips, write_kit

    dances = read_clips(clips)
    write_kit(out, dances, subjects, seed)
    ratings = sum(len(dance.candidates) for dance in dances)
    typer.echo(
        f"Written to {out}: {len(dances)} dances, {ratings} clips to rate, subjects 1 to {subjects}."
        f" Open {out / 'index.html'}"
    )


@app.command()
def score(
    ratings: Annotated[
        list[Path],
        typer.Argument(
            metavar="RATINGS.csv ...",
            help="Ratings, such as one file a subject: columns dataset, category, subject, major, q1,"
            " q2, q3, and item where a row is one rated item.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Where ratings.csv and scores.json, .csv and .md are written."
        ),
    ] = Path("study"),
    outlier: Annotated[
        float,
        typer.Option(
            min=0,
            help="A subject whose Q3 is farther than this from the others of its major is left out.",
        ),
    ] = 0.4,
) -> None:
    """Make a table like the paper's Tables 7 and 8 of ratings, with intervals and agreement.

    Q1 and Q2 of an item are whole numbers from 1 to 5, Q3 is 1 where the recommended music is
    preferred to the dance's own, else 0. Without a column item a row is a subject's mean over a
    category: Q1 and Q2 divided by 5.

    `ratings.csv` has all ratings in one file, checked.

    **Example**

    - `motionmusic study score answers/*.csv`
    """
    from motionmusic.files import write_text
    from motionmusic.results.ratings_table import study_tables
    from motionmusic.results.table import write_tables
    from motionmusic.scoring.rating_files import read_ratings

    given = read_ratings(ratings)
    tables = study_tables(given, outlier, seed=0, resamples=2000)
    write_text(out / "ratings.csv", given.to_csv(index=False, lineterminator="\n"))
    write_tables(out, "scores", tables)
    typer.echo((out / "scores.md").read_text("utf-8"), nl=False)
