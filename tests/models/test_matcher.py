"""A matcher's folder: written and read back, windows from segments, and what is said of a broken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import fake_matcher
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from motionmusic.errors import UserError
from motionmusic.features.motion import bones
from motionmusic.methods import METHODS, Method
from motionmusic.models import matcher, weights
from motionmusic.models.deconfounded import Deconfounded
from motionmusic.models.heads import Mapped, Towers
from motionmusic.models.matcher import About, Category, Codes, Matcher
from motionmusic.models.synchrony import CODE as SIZE
from motionmusic.models.synchrony import SynchronyNetwork

pytestmark = pytest.mark.usefixtures("torch_alone")
BY_CODES: tuple[Method, ...] = ("mapping", "unmapped", "contrastive", "infonce", "deconfounded")
SIZES = {
    "category": {"width": 4},
    "mapping": {"width": 4},
    "unmapped": {"width": 4},
    "contrastive": {"width": 4, "size": 6},
    "infonce": {"width": 4, "size": 6},
    "synchrony": {},
    "deconfounded": {"width": 4, "size": 6, "backdoor": 1},
}
CODE = {"mapping": 17, "unmapped": 17, "contrastive": 6, "infonce": 6, "deconfounded": 6}
Float32 = NDArray[np.float32]


def about(method: Method, **other: Any) -> About:
    return fake_matcher.about(method).model_copy(update={"sizes": SIZES[method], **other})


def lively(what: About) -> nn.Module:
    """A network whose every tensor is random, batch norms' statistics as well."""
    network = matcher.network_of(what)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if "running_var" in name:
                value.copy_(0.5 + torch.rand_like(value))
            elif value.is_floating_point():
                value += 0.1 * torch.randn_like(value)
    return network


def window(segments: int, seed: int = 0) -> tuple[Float32, Float32]:
    rng = np.random.default_rng(seed)
    joints = rng.random((segments, 3, 25, 23)).astype(np.float32)
    return joints, rng.random((segments, 1, 96, 25)).astype(np.float32)


def saved(folder: Path, method: Method, folds: int = 2) -> Path:
    what = about(method)
    folder.mkdir(parents=True)
    matcher.save(folder, what, {fold: lively(what) for fold in range(folds)})
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_the_networks_have_the_sizes_that_they_are_told(method: Method) -> None:
    network = matcher.network_of(about(method))
    if method == "synchrony":
        assert isinstance(network, SynchronyNetwork)
        return
    if method == "category":
        assert isinstance(network, Category)
        for encoder in (network.joints, network.bones):
            assert encoder.fc.weight.shape == (3, 16)  # three dance types
        return
    assert isinstance(network, Codes)
    kinds = {"mapping": Mapped, "unmapped": Mapped, "deconfounded": Deconfounded}
    kind = kinds.get(method, Towers)
    assert isinstance(network.head, kind)
    network.eval()
    joints, music = (torch.from_numpy(array) for array in window(2))
    assert network.motion(joints).shape == network.music(music).shape == (2, CODE[method])


@pytest.mark.parametrize("backdoor", [0, 1])
def test_the_back_door_is_one_of_the_sizes(backdoor: int) -> None:
    what = about("deconfounded", sizes={"width": 4, "size": 6, "backdoor": backdoor})
    head: Any = cast(Codes, matcher.network_of(what)).head
    assert head.prior.shape == (3,)
    assert (head.genres is not None) == bool(backdoor)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_saved_is_loaded(tmp_path: Path, method: Method) -> None:
    folder = saved(tmp_path / "a", method)
    assert sorted(path.name for path in folder.iterdir()) == [
        "fold0.safetensors", "fold1.safetensors", "matcher.json",
    ]  # fmt: skip
    joints, music = window(3)
    digests = set()
    for fold in (0, 1):
        found = matcher.load(folder, fold)
        assert found.about == about(method)
        digests.add(found.digest)
        network: Any = matcher.network_of(found.about)
        network.load_state_dict(weights.load(folder / f"fold{fold}.safetensors"))
        own = Matcher(found.about, network, "")
        if method == "category":
            np.testing.assert_array_equal(found.logits(joints), own.logits(joints))
            continue
        np.testing.assert_array_equal(found.motion_code(joints), own.motion_code(joints))
        np.testing.assert_array_equal(found.music_code(music), own.music_code(music))
    assert len(digests) == 2
    # the same networks again: the same bytes
    (tmp_path / "b").mkdir()
    states = {}
    for fold in (0, 1):
        states[fold] = matcher.network_of(about(method))
        states[fold].load_state_dict(weights.load(folder / f"fold{fold}.safetensors"))
    matcher.save(tmp_path / "b", about(method), states)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert matcher.load(tmp_path / "b", 1).digest == matcher.load(folder, 1).digest


def test_another_preparation_of_the_inputs_is_another_matcher(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", "infonce", folds=1)
    before = matcher.load(folder).digest
    text = (folder / "matcher.json").read_text("utf-8")
    (folder / "matcher.json").write_text(text.replace("12800", "12801"))
    assert matcher.load(folder).digest != before


@pytest.mark.parametrize("method", BY_CODES)
def test_codes_are_means_over_segments_and_scores_inner_products(method: Method) -> None:
    of = Matcher(about(method), lively(about(method)), "")
    sides = zip((of.motion_code, of.music_code), window(4), strict=True)
    for code, array in sides:
        parts = np.stack([code(array[[i]]) for i in range(4)])
        assert np.ptp(parts, axis=0).max() > 1e-4
        np.testing.assert_allclose(code(array), parts.mean(0), rtol=1e-4, atol=1e-5)
    motion = [of.motion_code(window(2, seed)[0]) for seed in range(3)]
    music = [of.music_code(window(2, seed)[1]) for seed in range(4)]
    found = of.scores(motion, music)
    assert found.shape == (3, 4)
    assert found.dtype == np.float32
    expected = [[float(a.astype(float) @ b.astype(float)) for b in music] for a in motion]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_synchronys_codes_have_a_row_a_frame_in_time_order() -> None:
    of = Matcher(about("synchrony"), lively(about("synchrony")), "")
    joints, music = window(3)
    motion, sound = of.motion_code(joints), of.music_code(music)
    assert motion.shape == sound.shape == (75, SIZE)
    network: Any = of.network
    with torch.no_grad():
        whole = np.concatenate([*joints.transpose(0, 2, 3, 1)])[None]
        np.testing.assert_allclose(
            motion, network.motion_encoder(torch.from_numpy(whole))[0].numpy(), rtol=1e-4, atol=1e-4
        )
        whole = np.concatenate([*music[:, 0].transpose(0, 2, 1)])[None]
        np.testing.assert_allclose(
            sound, network.music_encoder(torch.from_numpy(whole))[0].numpy(), rtol=1e-4, atol=1e-4
        )


def test_synchronys_scores_are_correlations_over_the_frames_that_all_have() -> None:
    of = Matcher(about("synchrony"), lively(about("synchrony")), "")
    rng = np.random.default_rng(0)
    motion = [rng.standard_normal((n, SIZE)).astype(np.float32) for n in (50, 75)]
    music = [rng.standard_normal((n, SIZE)).astype(np.float32) for n in (75, 50, 60)]
    found = of.scores(motion, music)
    assert found.shape == (2, 3)
    assert (abs(found) < 1).all()
    for i, a in enumerate(motion):
        for j, b in enumerate(music):
            alone = of.scores([a[:50]], [b[:50]])
            np.testing.assert_allclose(found[i, j], alone[0, 0], rtol=1e-5)


@pytest.mark.parametrize("paper_bones", [True, False])
def test_logits_are_those_of_joints_and_of_bones_together(paper_bones: bool) -> None:
    what = about("category", paper_bones=paper_bones)
    network: Any = lively(what)
    of = Matcher(what, network, "")
    joints, _ = window(3)
    limbs = np.stack(
        [bones(one.transpose(1, 2, 0), what.layout, paper_bones).transpose(2, 0, 1)
         for one in joints]
    )  # fmt: skip
    with torch.no_grad():
        parts = [network.joints(torch.from_numpy(joints))[1],
                 network.bones(torch.from_numpy(limbs))[1]]  # fmt: skip
    np.testing.assert_allclose(of.logits(joints), (parts[0] + parts[1]).numpy(), rtol=1e-4)


def edit(folder: Path, **values: Any) -> None:
    content = json.loads((folder / "matcher.json").read_text("utf-8")) | values
    (folder / "matcher.json").write_text(
        json.dumps({key: value for key, value in content.items() if value is not ...})
    )


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"method": "telepathy"}, "method"),
        ({"layout": "octopus"}, "layout"),
        ({"motion_rate_hz": ...}, "motion_rate_hz"),
        ({"colour": "red"}, "colour"),
        ({"sizes": {"width": "wide", "size": 6}}, "sizes.width"),
        ({"sizes": {"width": 4}}, "sizes.size"),
        ({"sizes": {"size": 6}}, "sizes.width"),
        ({"music": {}}, "music.feature"),
    ],
)
def test_a_broken_description_is_one_error_that_says_where(
    tmp_path: Path, values: dict[str, Any], where: str
) -> None:
    folder = saved(tmp_path / "a", "infonce", folds=1)
    edit(folder, **values)
    with pytest.raises(UserError) as error:
        matcher.load(folder)
    assert Path(error.value.file) == folder / "matcher.json"
    assert error.value.where == where
    assert "dvc repro" in error.value.remedy


def test_a_description_that_is_none(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '"x"'):
        (tmp_path / "matcher.json").write_text(content)
        with pytest.raises(UserError):
            matcher.read_about(tmp_path)
    (tmp_path / "matcher.json").unlink()
    with pytest.raises(UserError, match="no such file"):
        matcher.load(tmp_path)


def test_weights_that_are_missing_cut_or_of_another_size(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", "infonce", folds=1)
    with pytest.raises(UserError) as error:
        matcher.load(folder, 1)
    assert Path(error.value.file).name == "fold1.safetensors"
    edit(folder, sizes={"width": 4, "size": 7})
    with pytest.raises(UserError, match="has shape"):
        matcher.load(folder)
    edit(folder, sizes=SIZES["infonce"], method="mapping")
    with pytest.raises(UserError, match=r"head\.mapping.* is missing"):
        matcher.load(folder)
    edit(folder, method="infonce")
    path = folder / "fold0.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError):
        matcher.load(folder)


def test_trained_matchers_are_found_by_data_set_and_name(tmp_path: Path) -> None:
    assert matcher.trained(tmp_path) == []
    for dataset, name in (("b", "infonce-0"), ("a", "synchrony-0"), ("a", "mapping-0")):
        saved(tmp_path / "data" / dataset / "matchers" / name, cast(Method, name[:-2]), folds=1)
    (tmp_path / "data/a/matchers/empty-0").mkdir()
    found = matcher.trained(tmp_path)
    names = [folder.relative_to(tmp_path / "data").as_posix() for folder, _ in found]
    assert names == ["a/matchers/mapping-0", "a/matchers/synchrony-0", "b/matchers/infonce-0"]
    assert [what.method for _, what in found] == ["mapping", "synchrony", "infonce"]
