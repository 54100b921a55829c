"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DanceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DANCE",
        help="A folder with skeletons.json (MusicToDance's layout; config.json and audio.* are"
        " optional), a .json of that kind, key points of AIST++ (.pkl), or joints"
        " (frames, joints, 3) as .npy or .npz.",
        show_default=False,
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Skeleton of a .npy or .npz: musictodance (23 joints, relative to the body's centre)"
        " or aist (17 joints).",
        show_default=False,
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        metavar="HZ",
        help="Frames a second of the dance. Required for .npy and .npz; elsewhere 25 (MusicToDance)"
        " or 60 (AIST++).",
        show_default=False,
    ),
]
