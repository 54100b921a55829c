"""Manifests: the two in the package, and what a bad one is answered with."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from motionmusic.data.fetch import fetch
from motionmusic.data.manifest import REPOSITORIES, Entry, blob_id, manifest, read_manifest
from motionmusic.errors import UserError

BLOB = "0123456789abcdef0123456789abcdef01234567"
HEAD = "path\tblob\tsize\n"
DANCES = ("musictodance", "musictodance_retimed")
MIRROR = Path(__file__).parents[2].parent / "shared" / "mirror"


@pytest.mark.parametrize("source", DANCES)
def test_the_manifests_of_the_package_hold_61_whole_pieces(source: str) -> None:
    read = manifest(source)
    assert (read.owner, read.name, read.commit) == REPOSITORIES[source]
    assert re.fullmatch("[0-9a-f]{40}", read.commit)
    pieces: dict[str, set[str]] = {}
    for entry in read.entries:
        piece, name = entry.path.split("/")
        assert re.fullmatch("DANCE_[CRTW]_[0-9]+", piece)
        pieces.setdefault(piece, set()).add(name)
    assert len(pieces) == 61
    assert all(names == {"audio.mp3", "config.json", "skeletons.json"} for names in pieces.values())


def test_both_commits_have_the_same_music_and_other_motion() -> None:
    first, second = (
        {entry.path: entry.blob for entry in manifest(source).entries} for source in DANCES
    )
    assert first.keys() == second.keys()
    differing = {path for path in first if first[path] != second[path]}
    assert {Path(path).name for path in differing} == {"skeletons.json"}


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("musictodance", {"audio.mp3", "config.json", "skeletons.json"}),
        ("musictodance_retimed", {"skeletons.json"}),  # the rest is the same, as tested above
    ],
)
def test_the_real_mirror_verifies_against_the_manifest(source: str, kinds: set[str]) -> None:
    archives = sorted(MIRROR.glob("blobs-*.zip"))
    if not archives:
        pytest.skip(f"no mirror at {MIRROR}: it is not part of the repository")
    listed = manifest(source)
    entries = [entry for entry in listed.entries if Path(entry.path).name in kinds]
    # 80 MB, twice: removed at the end, where tmp_path would keep those of the last three runs
    with tempfile.TemporaryDirectory() as folder:
        mirror, store = Path(folder, "mirror"), Path(folder, "store")
        found: dict[str, Entry] = {}
        for archive in archives:
            with zipfile.ZipFile(archive) as content:
                held = set(content.namelist())
                for entry in entries:
                    if entry.blob in held:
                        found[entry.path] = entry
                        target = mirror / Path(*REPOSITORIES[source]) / entry.path
                        target.parent.mkdir(parents=True, exist_ok=True)
                        with content.open(entry.blob) as blob, target.open("wb") as file:
                            shutil.copyfileobj(blob, file)
        # some pieces that are not in the mirror have the same config.json as one that is
        counts = Counter(str(Path(path).parent) for path in found)
        wanted = [
            entry for entry in found.values() if counts[str(Path(entry.path).parent)] == len(kinds)
        ]
        assert len(wanted) == 17 * len(kinds)
        files = fetch(listed, wanted, store, mirror=mirror)
        sizes = [entry.size for entry in wanted]
        assert [file.stat().st_size for file in files] == sizes


def test_blob_id_is_gits(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert blob_id(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    (tmp_path / "hello").write_bytes(b"hello\n")  # printf 'hello\n' | git hash-object --stdin
    assert blob_id(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_blob_id_of_a_file_of_several_pieces(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    (tmp_path / "big").write_bytes(bytes(range(256)) * 10_001)
    expected = subprocess.run(
        [git, "hash-object", "--no-filters", "big"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert blob_id(tmp_path / "big") == expected.stdout.strip()


def test_an_empty_size_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(f"{HEAD}a/b.json\t{BLOB}\t\nc.json\t{BLOB}\t0\n")
    assert read_manifest(path) == [Entry("a/b.json", BLOB, None), Entry("c.json", BLOB, 0)]


@pytest.mark.parametrize(
    "unsafe",
    ["/etc/passwd", "../x", "a/../../x", "a/..", ".", "a/./b", "a//b", "a/", "", "..\\x", "a\0b"],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, unsafe: str) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(f"{HEAD}fine.json\t{BLOB}\t1\n{unsafe}\t{BLOB}\t1\n")
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert caught.value.file == path
    assert caught.value.where == "line 3"
    assert repr(unsafe) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "where", "word"),
    [
        ("", "line 1", "empty"),
        (f"path\tblob\na\t{BLOB}\n", "line 1", "columns"),
        (f"blob\tpath\tsize\n{BLOB}\ta\t1\n", "line 1", "columns"),
        (f"{HEAD}a\t{BLOB}\n", "line 2", "3 cells"),
        (f"{HEAD}a\t{BLOB}\t1\n\n", "line 3", "3 cells"),
        (f"{HEAD}a\t{BLOB[:-1]}\t1\n", "line 2", "blob id"),
        (f"{HEAD}a\t{BLOB.upper()}\t1\n", "line 2", "blob id"),
        (f"{HEAD}a\t{BLOB}\t-1\n", "line 2", "size"),
        (f"{HEAD}a\t{BLOB}\t1\na\t{BLOB}\t1\n", "line 3", "again"),
    ],
)
def test_a_malformed_manifest_is_refused(
    tmp_path: Path, content: str, where: str, word: str
) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(content)
    with pytest.raises(UserError, match=word) as caught:
        read_manifest(path)
    assert caught.value.where == where


def test_a_missing_or_binary_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_manifest(tmp_path / "m.tsv")
    (tmp_path / "m.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_manifest(tmp_path / "m.tsv")


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(UserError, match="musictodance_retimed"):
        manifest("musictodanse")
