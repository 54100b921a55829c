"""The manifests of the package, and the id that each file is known by."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from motionmusic.data import manifest as manifest_module
from motionmusic.data.manifest import REPOSITORIES, blob_id, manifest
from motionmusic.errors import UserError

DANCES = ("musictodance", "musictodance_retimed")


@pytest.mark.parametrize("source", REPOSITORIES)
def test_manifests_are_well_formed(source: str) -> None:
    """A manifest decides where files are written, so no path may leave the store."""
    listed = manifest(source)
    assert (listed.owner, listed.name, listed.commit) == REPOSITORIES[source]
    assert re.fullmatch("[0-9a-f]{40}", listed.commit)
    paths = [entry.path for entry in listed.entries]
    assert len(set(paths)) == len(paths) > 0
    for entry in listed.entries:
        assert re.fullmatch("[0-9a-f]{40}", entry.blob)
        parts = entry.path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not re.search(r"[\\\0]", entry.path)
        assert str(PurePosixPath(entry.path)) == entry.path


def test_both_commits_have_61_pieces_of_the_same_music_and_other_motion() -> None:
    first, second = (
        {entry.path: entry.blob for entry in manifest(source).entries} for source in DANCES
    )
    assert first.keys() == second.keys()
    pieces: dict[str, set[str]] = {}
    for path in first:
        piece, name = path.split("/")
        assert re.fullmatch("DANCE_[CRTW]_[0-9]+", piece)
        pieces.setdefault(piece, set()).add(name)
    assert len(pieces) == 61
    with pytest.raises(UserError, match="musictodance_retimed"):
        manifest("musictodanse")
    assert all(names == {"audio.mp3", "config.json", "skeletons.json"} for names in pieces.values())
    differing = {path for path in first if first[path] != second[path]}
    assert {Path(path).name for path in differing} == {"skeletons.json"}


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (None, "no such file"), (b"", "an empty one"), (b"path\tblob\tsize\n", "an empty one"),
        (b"path\tid\na\tb\n", "another: 'blob'"), (b"path\tblob\tsize\na\tb\tc\n", "another: invalid"),
        (b"path\tblob\tsize\n\xff\tb\t1\n", "another: 'utf-8'"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, got: str
) -> None:
    monkeypatch.setattr(manifest_module, "__file__", str(tmp_path / "manifest.py"))
    (tmp_path / "manifests").mkdir()
    if content is not None:
        (tmp_path / "manifests" / "captures.tsv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        manifest("captures")
    assert caught.value.got.startswith(got)


def test_blob_id_is_gits(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert blob_id(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    (tmp_path / "hello").write_bytes(b"hello\n")  # printf 'hello\n' | git hash-object --stdin
    assert blob_id(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    (tmp_path / "big").write_bytes(bytes(range(256)) * 10_001)  # read in several pieces
    command = [git, "hash-object", "--no-filters", "big"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert blob_id(tmp_path / "big") == done.stdout.strip()
