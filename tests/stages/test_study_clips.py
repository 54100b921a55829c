"""stages/study_clips.py: which dances are rated, and lists that `motionmusic study make` takes."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import study_clips
from closure import ROOT
from typer.testing import CliRunner

from motionmusic.app.study import app
from motionmusic.errors import UserError
from motionmusic.render.clip import Panel

FRAMES = 1000


def recommendations() -> pd.DataFrame:
    """Five pieces of Waltz, two of Tango, two excerpts each, three tracks by each method."""
    names = [("Waltz", f"W_{n}") for n in range(5)] + [("Tango", f"T_{n}") for n in range(2)]
    return pd.DataFrame(
        [
            {"method": method, "seed": seed, "piece": piece, "excerpt": excerpt,
             "category": category, "rank": rank, "track": f"track{rank}.ogg",
             "track_piece": f"P_{rank}", "track_start_s": 10.0 * rank}
            for method in ("category", "contrastive", "mapping")
            for seed in (0, 1)
            for category, piece in names
            for excerpt in (1, 3)
            for rank in (1, 2, 3)
        ]
    )  # fmt: skip


def test_three_pieces_of_a_category_or_all() -> None:
    found = study_clips.drawn(recommendations(), 0)
    counts = pd.DataFrame(found, columns=["category", "piece", "excerpt"])
    assert counts.groupby("category")["piece"].nunique().to_dict() == {"Tango": 2, "Waltz": 3}
    assert len(counts) == 5
    assert set(counts["excerpt"]) <= {1, 3}


def test_the_draw_depends_on_names_only() -> None:
    rows = recommendations()
    found = study_clips.drawn(rows, 0)
    assert study_clips.drawn(rows.sample(frac=1, random_state=0), 0) == found
    waltz = study_clips.drawn(rows[rows["category"] == "Waltz"], 0)
    assert waltz == [each for each in found if each[0] == "Waltz"]
    assert len({str(study_clips.drawn(rows, seed)) for seed in range(9)}) > 1


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set whose dances count frames and whose sounds tell where they begin."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    data = tmp_path / "data" / "m2d_mini"
    data.mkdir(parents=True)
    rows = recommendations()
    rows.to_csv(data / "recommendations.csv", index=False)
    pieces = pd.DataFrame({"piece": rows["piece"].unique(), "music_start_s": 2.0})
    pieces.assign(music_file=pieces["piece"] + ".ogg").to_csv(data / "pieces.csv", index=False)
    joints = np.broadcast_to(np.arange(FRAMES)[:, None, None], (FRAMES, 23, 3))
    monkeypatch.setattr(
        study_clips, "read_piece", lambda *_: SimpleNamespace(in_the_room=lambda: joints)
    )
    monkeypatch.setattr(study_clips, "sound", lambda file, start_s, _: f"{file.name} {start_s:.2f}")

    def video(path: Path, panels: list[Panel], sound: str, *_: object) -> None:
        (panel,) = panels
        assert (panel.title, panel.detail) == ("", "")
        frames = panel.joints[:, 0, 0]
        path.write_text(f"{frames[0]} {len(frames)} {sound}")

    monkeypatch.setattr(study_clips, "video", video)
    return data


def test_every_dance_with_its_own_and_each_methods_music(space: Path) -> None:
    study_clips.main(["m2d_mini"])
    folder = space / "study_clips"
    assert {path.name for path in folder.glob("*.csv")} == {"category.csv", "contrastive.csv"}
    rows = pd.read_csv(folder / "contrastive.csv")
    assert rows["dance"].nunique() == 5
    for name, dance in rows.groupby("dance"):
        assert dance["music"].tolist() == ["own", "P_1", "P_2", "P_3"]
        piece, excerpt = str(name).rsplit("_", 1)
        texts = [(folder / clip).read_text().split() for clip in dance["clip"]]
        starts = {(int(frame), int(frames)) for frame, frames, *_ in texts}
        # all with the same movements: the excerpt's 229 frames at 25 a second
        assert starts == {(229 * int(excerpt), 229)}
        assert texts[0][2:] == [f"{piece}.ogg", f"{2 + 229 * int(excerpt) / 25:.2f}"]
        assert [text[2:] for text in texts[1:]] == [
            [f"track{rank}.ogg", f"{10 * rank:.2f}"] for rank in (1, 2, 3)
        ]
    kit = space / "kit"
    for method in ("category", "contrastive"):
        made = ["make", str(folder / f"{method}.csv"), "--out", str(kit / method)]
        result = CliRunner().invoke(app, made)
        assert result.exit_code == 0, result.output
        assert "5 dances, 15 clips to rate" in result.output


def test_without_recommendations(space: Path) -> None:
    (space / "recommendations.csv").unlink()
    with pytest.raises(UserError, match="recommendations"):
        study_clips.main(["m2d_mini"])
    assert not (space / "study_clips").exists()
