from __future__ import annotations

from pathlib import Path

import pytest

from motionmusic.cache import main, objects
from motionmusic.errors import UserError

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # RFC 1321, A.5: MD5 of nothing
ABC = "900150983cd24fb0d6963f7d28e17f72"  # and of "abc"


def add(cache: Path, name: str, content: bytes) -> Path:
    path = cache / "files" / "md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (EMPTY, f"{EMPTY}.dir"):
        add(tmp_path, name, b"")
    add(tmp_path, ABC, b"abc")
    add(tmp_path, f"{ABC[:2]}.Yx1ktxz-zVOIFNxFZZSOzw.tmp", b"ab")  # left by an interrupted copy
    assert sorted(md5 for _, md5 in objects(tmp_path)) == sorted([EMPTY, EMPTY, ABC])
    main([str(tmp_path)])
    assert capsys.readouterr().out == "3 objects, all whole\n"


@pytest.mark.parametrize("suffix", ["", ".dir"])
def test_every_corrupt_one_is_named(tmp_path: Path, suffix: str) -> None:
    cut = add(tmp_path, ABC + suffix, b"ab")
    turned = add(tmp_path, EMPTY + suffix, b"\0")
    add(tmp_path, "0cc175b9c0f1b6a831c399e269772661", b"a")
    with pytest.raises(UserError) as caught:
        main([str(tmp_path)])
    assert caught.value.got == f"2 of 3 corrupt:\n  {cut}\n  {turned}"


def test_without_a_folder_the_projects_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / ".dvc" / "cache", ABC, b"abd")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="1 of 1 corrupt"):
        main([])


def test_no_cache_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="files/md5/"):
        main([str(tmp_path)])
    with pytest.raises(UserError, match="one folder or none"):
        main(["a", "b"])
