"""The pipeline's texts: who depends on what, who reads which parameter, how large it all is."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import networkx
import pytest
import yaml
from closure import PACKAGE, ROOT, closure, imported, room
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

TEXTS = {path.stem: path for path in sorted((ROOT / "pipeline").glob("*.yaml"))}
BY_HAND = [
    ROOT / "dvc.yaml",
    *(ROOT / "pipeline" / kind / "dvc.yaml" for kind in ("download", "on_beat", "genres")),
]
FILES = [*BY_HAND, *TEXTS.values()]
LEVEL = {
    "": 0, "data": 1, "features": 1, "models": 1, "training": 2, "scoring": 2, "results": 3,
    "render": 3, "findings": 4, "report": 4, "app": 4,
}  # fmt: skip


def definitions() -> dict[str, dict[str, Any]]:
    """Every stage that has a script, by file and name."""
    found = {}
    for file in FILES:
        for name, stage in yaml.safe_load(file.read_text("utf-8"))["stages"].items():
            if "stages/" in stage["cmd"]:
                found[f"{file.relative_to(ROOT)}:{name}"] = stage
    return found


STAGES = definitions()


def script_of(stage: dict[str, Any]) -> Path:
    (script,) = re.findall(r"stages/\w+\.py", stage["cmd"])
    return ROOT / str(script)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline's texts alone, where DVC may write."""
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copytree(ROOT / "pipeline", folder / "pipeline")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    return folder


@pytest.fixture(scope="module")
def built(copied: Path) -> Any:
    with Repo(str(copied)) as repo:
        return repo.index.graph


@pytest.fixture
def graph(built: Any, copied: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of stages, whose names are as in the current folder."""
    monkeypatch.chdir(copied)
    return built


def test_every_script_has_a_stage() -> None:
    assert {script_of(stage) for stage in STAGES.values()} == set((ROOT / "stages").glob("*.py"))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_names_its_script_and_the_rooms_that_it_imports_and_no_others(name: str) -> None:
    stage = STAGES[name]
    script = script_of(stage)
    assert str(script.relative_to(ROOT)) in stage["deps"]
    named = {Path(dep).parts[2] for dep in stage["deps"] if dep.startswith("src/motionmusic/")}
    named.discard("pretrained")  # weights, no code
    needed = {room(module) for module in closure(script)} - {""}
    if script.stem == "repository":  # whose one manifest it names
        return
    assert named == needed


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_names_the_params_groups_that_its_script_reads(name: str) -> None:
    stage = STAGES[name]
    tree = ast.parse(script_of(stage).read_text("utf-8"))
    read = {
        call.args[1].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "group"
        and isinstance(call.args[1], ast.Constant)
    }
    assert {key.split(".")[0] for key in stage.get("params", [])} == read


def test_nothing_outside_scripts_reads_params() -> None:
    """Else a stage would depend on what its dvc.yaml does not name."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        assert path.name == "params.py" or "params import group" not in text, path


def test_scripts_are_thin() -> None:
    for script in (ROOT / "stages").glob("*.py"):
        text = script.read_text("utf-8")
        assert len(text.splitlines()) <= 60, script
        assert not {path for path in imported(script) if path.parent.name == "stages"}
        assert "import torch" not in text, script


def test_arrows_point_one_way_and_names_are_unique() -> None:
    modules = [
        path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")
    ]
    names = [path.name for path in modules]
    assert sorted(set(names)) == sorted(names)
    between: set[tuple[str, str]] = set()
    for module in modules:
        assert len(module.read_text("utf-8").splitlines()) <= 400, module
        for other in imported(module):
            assert LEVEL[room(other)] <= LEVEL[room(module)], f"{module} imports {other}"
            if room(other) != room(module):
                between.add((room(module), room(other)))
    assert networkx.is_directed_acyclic_graph(networkx.DiGraph(between))


def test_package_markers_have_no_code() -> None:
    """They are left out of the closure, so they must not do anything."""
    for path in PACKAGE.rglob("__init__.py"):
        found = [type(node) for node in ast.parse(path.read_text("utf-8")).body]
        assert found == [ast.Expr] or path.parent == PACKAGE, f"{path}: more than a docstring"


def test_folders_of_one_kind_have_one_text() -> None:
    """A link instead of a copy would lose every committed revision (docs/architecture.md)."""
    for kind, text in TEXTS.items():
        folders = [path for path in (ROOT / "pipeline" / kind).iterdir() if path.is_dir()]
        assert folders
        for folder in folders:
            file = folder / "dvc.yaml"
            assert not file.is_symlink()
            assert file.read_text("utf-8") == text.read_text("utf-8"), "run `make pipeline`"
            variables = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
            own = "corpus" if kind == "corpus" else "task"
            assert variables[own] == folder.name
            assert variables.get("folder", "") in ("", folder.name.replace(".", "/"))


def test_params_have_a_row_for_every_corpus_and_task_and_no_other() -> None:
    from motionmusic.params import FILE, Schema, _checked

    schema: Schema = _checked((ROOT / FILE).resolve())
    assert {path.name for path in (ROOT / "pipeline/corpus").iterdir()} == set(schema.corpora)
    assert {path.name for path in (ROOT / "pipeline/task").iterdir()} == set(schema.segment)
    music = {path.name for path in (ROOT / "pipeline/music").iterdir()}
    assert music == set(schema.synchrony) == set(schema.dance)


def test_one_experiment_changes_one_line_of_params(tmp_path: Path) -> None:
    """The file is in the form that DVC writes."""
    copy = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text("utf-8")
    copy.write_text(before)
    apply_overrides(copy, ["train.synthetic.width=12"])
    changed = [pair for pair in zip(before.splitlines(), copy.read_text().splitlines(), strict=True)
               if pair[0] != pair[1]]  # fmt: skip
    assert len(changed) == 1
    apply_overrides(copy, ["train.synthetic.width=8"])
    assert copy.read_text() == before


def test_table3_needs_three_one_three_and_nine_trainings(graph: Any) -> None:
    """Of motion alone, of both autoencoders, of the control and with collaborative learning."""
    (table3,) = (stage for stage in graph if stage.addressing == "table3")
    needed = [stage.name.split("@")[0] for stage in networkx.descendants(graph, table3)]
    counts = [needed.count(n) for n in ("train_motion", "train_music", "train_longer", "cotrain")]
    assert counts == [3, 1, 3, 9]


def test_a_task_needs_no_other_task_and_the_demo_no_download(graph: Any) -> None:
    for stage in graph:
        kind, _, rest = stage.addressing.removeprefix("pipeline/").partition("/")
        if kind != "task":
            continue
        own = rest.split("/")[0]
        corpus = yaml.safe_load((ROOT / "pipeline/task" / own / "params.yaml").read_text())[
            "corpus"
        ]
        for need in networkx.descendants(graph, stage):
            assert need.addressing.startswith(
                (
                    f"pipeline/task/{own}/", f"pipeline/corpus/{corpus}/", "pipeline/download/",
                    "pipeline/on_beat/",
                )
            ), f"{stage.addressing} needs {need.addressing}"  # fmt: skip
    (demo,) = (stage for stage in graph if stage.addressing == "demo")
    needed = {stage.addressing for stage in networkx.descendants(graph, demo)}
    assert {name for name in needed if "download" in name} == {
        "pipeline/download/dvc.yaml:synthetic"
    }
    assert not any("always" in name or "music/" in name for name in needed)


def test_what_trains_a_network_says_that_it_wants_a_gpu() -> None:
    for name, stage in STAGES.items():
        trains = PACKAGE / "training" / "device.py" in closure(script_of(stage))
        assert stage.get("meta", {}).get("gpu", False) == trains, name


def test_the_drawing_of_a_task_fits_a_screen(
    copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.cli import main

    monkeypatch.chdir(copied)  # --cd moves this process; afterwards it is where it was
    folder = str(copied / "pipeline/task/synthetic")
    assert main(["--cd", folder, "dag", "--collapse-foreach-matrix", "page"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 240
