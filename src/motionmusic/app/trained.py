"""Which trained model is meant, found without loading any (torch takes seconds)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from motionmusic.errors import UserError
from motionmusic.files import read_json
from motionmusic.methods import METHODS, Method


class Trained(NamedTuple):
    """A folder of trained matchers, data/TASK/matchers, and which of them are used."""

    folder: Path
    model: Path  # ranks music
    classifier: Path | None  # predicts the category
    task: str


def choose(folder: Path | None, method: Method) -> Trained:
    """The matchers of a folder, of each method the lowest seed; without a folder the only one here.

    Raises UserError where there is no such folder, it has no matcher, or none of the method.
    """
    chosen = folder or _only_folder()
    found = sorted((*_facts(path), path.parent) for path in chosen.glob("*/matcher.json"))
    if not found:
        got = "no matcher in it" if chosen.is_dir() else "no such folder"
        if chosen.is_file():
            got = "a file"
        raise UserError(
            chosen, "", "a folder of trained matchers, data/TASK/matchers", got,
            "`motionmusic models` lists the trained models",
        )  # fmt: skip
    of_method = {name: (path, task) for _, name, task, path in reversed(found)}
    if method not in of_method:
        expected = f"a method that was trained: {', '.join(sorted(of_method))}"
        remedy = "choose one of them, or train it with `dvc repro`"
        raise UserError(chosen, "--method", expected, method, remedy)
    model, task = of_method[method]
    classifier, _ = of_method.get("category", (None, ""))
    return Trained(chosen, model, classifier, task)


def _facts(file: Path) -> tuple[int, str, str]:
    """Seed, method and task of a matcher.json."""
    remedy = "run `dvc repro` for the stage that writes it, or delete its folder"
    content = read_json(file, remedy)
    kinds = {"seed": int, "method": str, "task": str}
    for key, of in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), of):
            raise UserError(file, key, "what a stage writes", "another value or none", remedy)
    if content["method"] not in METHODS:
        raise UserError(file, "method", f"one of {', '.join(METHODS)}", content["method"], remedy)
    return content["seed"], content["method"], content["task"]


def own_music(of: Trained) -> Path:
    """The raw folder of the corpus that a model was trained on. Raises UserError."""
    remedy = "name a folder with music with --catalogue DIR"
    about = of.folder / ".." / "segments" / "about.json"
    content = read_json(about, remedy)
    corpus = content.get("corpus") if isinstance(content, dict) else None
    if not isinstance(corpus, str):
        raise UserError(about, "corpus", "the corpus's name", "none", remedy)
    parents = of.folder.resolve().parents
    music = parents[len(of.task.split("."))].joinpath(*corpus.split("."), "raw")
    if not music.is_dir():
        raise UserError(music, "", f"the music of the corpus {corpus}", "no such folder", remedy)
    return music.relative_to(Path.cwd()) if music.is_relative_to(Path.cwd()) else music


def _only_folder() -> Path:
    """The only folder of trained models here, for a command without --model."""
    found = {path.parent.parent for path in Path().glob("data/**/matchers/*/matcher.json")}
    if not found:
        raise UserError(
            "data/**/matchers", "", "a trained model", "none",
            "train one with `dvc repro pipeline/music/m2d_mini/dvc.yaml:match`, or run from the"
            " folder that has data/, or name one with --model DIR",
        )  # fmt: skip
    folders = sorted(found)
    if len(folders) > 1:
        raise UserError(
            "command line", "--model", "the name of a trained model, as there are several:"
            f" {', '.join(map(str, folders))}", "none", f"choose one, such as --model {folders[0]}",
        )  # fmt: skip
    return folders[0]


def cards() -> dict[str, str]:
    """Of each model that comes with the package, for whom it is, how good, from what, its terms."""
    folder = Path(__file__).parents[1] / "pretrained"
    return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.md"))}
