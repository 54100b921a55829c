"""The local files that a corpus reads, by content, so that DVC sees when one changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_text
from motionmusic.params import CORPUS, MusicToDance, Synthetic, group


def main(given: Sequence[str]) -> None:
    """local.py CORPUS: a table of the files in its folder; of none where it has no folder."""
    (corpus,) = workspace.arguments(given, "corpus")
    about = group(CORPUS, "corpora", corpus)
    assert not isinstance(about, Synthetic)
    key = "stand_ins" if isinstance(about, MusicToDance) else "folder"
    folder = getattr(about, key)
    if folder is not None and not Path(folder).is_dir():
        expected = f"the folder of corpora.{corpus}.{key}"
        remedy = "put the dances there (docs/data.md says how), or name another folder"
        raise UserError(folder, "", expected, "no such folder", remedy)
    lines = ["path\tsize\tmd5"]
    for path in sorted(Path(folder).rglob("*")) if folder is not None else ():
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").hexdigest()
            name = path.relative_to(folder).as_posix()
            lines.append(f"{name}\t{path.stat().st_size}\t{digest}")
    write_text(workspace.data(corpus, "local.tsv"), "\n".join([*lines, ""]))


if __name__ == "__main__":
    errors.run(main)
