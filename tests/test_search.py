"""Search against a sort of all scores, and the index that is kept, broken and made anew."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest
import search as benchmark

from motionmusic.app import search
from motionmusic.app.search import top
from motionmusic.files import Float32
from motionmusic.scoring import retrieval


def sorted_all(vectors: Float32, queries: Float32, k: int) -> list[list[int]]:
    """Numbers of the k best, by sorting pairs (−score, number)."""
    scores = [[sum(a * b for a, b in zip(q, v, strict=True)) for v in vectors] for q in queries]
    return [sorted(range(len(row)), key=lambda n: (-row[n], n))[:k] for row in scores]


def whole_numbers(n: int, q: int) -> tuple[Float32, Float32]:
    """Vectors and queries of small whole numbers: exact scores, many of them equal."""
    random = np.random.default_rng(n)
    vectors, queries = (random.integers(-2, 3, (rows, 4)).astype(np.float32) for rows in (n, q))
    return vectors, queries


@pytest.mark.parametrize("scores_at_once", [1, 7, 60, 2**24])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_exact_is_a_sort_of_all(
    monkeypatch: pytest.MonkeyPatch, scores_at_once: int, k: int
) -> None:
    monkeypatch.setattr(search, "_SCORES", scores_at_once)
    vectors, queries = whole_numbers(50, 3)
    scores, numbers = top(vectors, queries, k)
    assert numbers.tolist() == sorted_all(vectors, queries, k)
    expected = np.take_along_axis(queries @ vectors.T, numbers, axis=1)
    assert scores.tolist() == expected.tolist()
    assert (scores.dtype.name, numbers.dtype.name) == ("float32", "int64")


def test_fewer_vectors_than_asked_for() -> None:
    vectors, queries = whole_numbers(5, 2)
    scores, numbers = top(vectors, queries, 9)
    assert scores.shape == numbers.shape == (2, 5)
    assert np.sort(numbers, axis=1).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_equal_vectors_come_in_order() -> None:
    scores, numbers = top(np.ones((9, 2), np.float32), np.ones((1, 2), np.float32), 4)
    assert scores.tolist() == [[2, 2, 2, 2]]
    assert numbers.tolist() == [[0, 1, 2, 3]]


def test_mean_codes_rank_as_all_pairs_of_windows() -> None:
    random = np.random.default_rng(0)
    motion, music = (random.normal(size=(rows, 5)).astype(np.float32) for rows in (3, 7))
    owner = np.array([0, 0, 1, 1, 1, 2, 2])
    means, _ = retrieval.track_scores(motion @ music.T, owner)
    pairs = means.mean(axis=0)
    vectors = np.stack([music[owner == n].mean(0) for n in range(3)])
    scores, numbers = top(vectors, motion.mean(0, keepdims=True), 3)
    assert numbers[0].tolist() == np.argsort(-pairs).tolist()
    np.testing.assert_allclose(scores[0], np.sort(pairs)[::-1], atol=1e-6)


# Many


N, D = 5000, 16


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> tuple[Float32, Float32]:
    """Vectors and queries of ten clusters, above the number up to which search is exact."""
    monkeypatch.setattr(search, "EXACT_UP_TO", N - 1)
    return benchmark.catalogue(N, 20, D, clusters=10)


def test_the_index_finds_nearly_all(
    clusters: tuple[Float32, Float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, numbers = top(*clusters, 10)
    _, right = search.exact(*clusters, 10)
    found = [
        len(set(a) & set(b)) / 10 for a, b in zip(numbers.tolist(), right.tolist(), strict=True)
    ]
    assert np.mean(found) > 0.95  # 64 of its 70 lists are looked into
    assert (np.diff(scores, axis=1) <= 0).all()
    vectors, queries = clusters
    np.testing.assert_allclose(
        scores, np.take_along_axis(queries @ vectors.T, numbers, 1), atol=1e-6
    )
    monkeypatch.setattr(search, "PROBES", 70)  # all of them: nothing can be missed
    assert np.sort(top(*clusters, 10)[1]).tolist() == np.sort(right).tolist()


def test_fewer_found_than_asked_for(
    clusters: tuple[Float32, Float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PROBES", 1)
    scores, numbers = top(*clusters, 2000)  # no list has so many
    missing = numbers == -1
    assert missing.any(axis=1).all()
    assert (scores[missing] == -np.inf).all()
    assert np.isfinite(scores[~missing]).all()
    assert not missing[:, 0].any()


def test_equal_vectors_come_in_order_of_the_index_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EXACT_UP_TO", 1)
    vectors = np.repeat(np.eye(4, dtype=np.float32), 100, axis=0)
    _, numbers = top(vectors, np.eye(4, dtype=np.float32)[2:3], 100)
    assert numbers[0].tolist() == list(range(200, 300))


def test_the_same_vectors_give_the_same_index(clusters: tuple[Float32, Float32]) -> None:
    one, two = (faiss.serialize_index(search.build(clusters[0])).tobytes() for _ in range(2))
    assert one == two


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what has been built since."""
    sizes: list[int] = []
    build = search.build

    def noted(vectors: Float32) -> object:
        sizes.append(len(vectors))
        return build(vectors)

    monkeypatch.setattr(search, "build", noted)
    return sizes


def test_an_index_is_built_once(
    clusters: tuple[Float32, Float32], tmp_path: Path, builds: list[int]
) -> None:
    folder = tmp_path / "deep" / "search"
    first = top(*clusters, 5, folder)
    again = top(*clusters, 5, folder)
    assert builds == [N]
    assert [one.tolist() for one in first] == [two.tolist() for two in again]
    vectors, queries = clusters
    changed = vectors.copy()
    changed[77] = 2 * queries[0]  # so it is the nearest
    assert top(changed, queries, 5, folder)[1][0, 0] == 77
    assert builds == [N, N]
    assert len(list(folder.iterdir())) == 1  # the latest only


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "flip"])
def test_a_broken_index_is_built_anew(
    clusters: tuple[Float32, Float32], tmp_path: Path, builds: list[int], damage: str
) -> None:
    first = top(*clusters, 5, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "cut": whole[:-30],
            "empty": b"",
            "text": b"x" * 99,
            "flip": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
        }[damage]
    )
    assert top(*clusters, 5, tmp_path)[1].tolist() == first[1].tolist()
    assert builds == [N, N]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [whole]


def test_faiss_is_not_loaded_for_few() -> None:
    code = (
        "import sys, numpy as np; from motionmusic.app.search import top;"
        "x = np.ones((9, 2), np.float32); top(x, x, 3); print('faiss' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


# Benchmark


def test_the_synthetic_catalogue() -> None:
    vectors, queries = benchmark.catalogue(2000, 50, D, clusters=10)
    assert (vectors.shape, queries.shape) == ((2000, D), (50, D))
    np.testing.assert_allclose((vectors**2).sum(1), 1, atol=1e-5)
    again, _ = benchmark.catalogue(2000, 50, D, clusters=10)
    assert vectors.tolist() == again.tolist()
    # clustered: the nearest of 2000 are far nearer than any of as many random ones would be
    nearest, _ = search.exact(vectors, queries, 10)
    random = np.random.default_rng(0).normal(size=(2000, D)).astype(np.float32)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert np.median(nearest[:, 9]) > np.median(search.exact(random, queries, 10)[0][:, 9]) + 0.05


def test_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "SIZES", {2000: ("exact", "ivf")})
    benchmark.main(["--rounds", "1", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "search.json").read_text("utf-8"))
    exact, ivf = result["rows"]
    assert (exact["recall"], exact["method"], ivf["method"]) == (1, "exact", "ivf")
    assert 0 < ivf["recall"] <= 1
    assert ivf["build_s"] > 0
    assert exact["one_ms"] > 0
    assert exact["hundred_ms"] > 0
    assert (tmp_path / "search.md").read_text("utf-8") in capsys.readouterr().out
