"""The nearest of many vectors by inner product: exact, or from an index of faiss for very many.

Measured by benchmarks/search.py, one thread, vectors of 64 numbers: an exact query reads every
vector once, 0.02 s for 10⁶ and 0.14 s for 10⁷. An index answers 10⁷ in 2 ms but takes 97 s to build,
and when it is kept 9 s to make sure that it is whole and of these vectors. One query a run, as the
command has, gains nothing by that, so search is exact up to where a query takes a second by the same
slope, ``EXACT_UP_TO``. The index above is a flat IVF: at 10⁶ HNSW answers four times as fast but takes
17 times as long to build and finds 78 % of the ten nearest, IVF 99 %.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.files import Float32, new_folder

EXACT_UP_TO = 70_000_000
PROBES = 64  # lists of the index, of √n, that a query looks into
_SCORES = 2**24  # held at once by the exact search: 64 MiB
_POINTS = 64  # vectors for each list that the index is trained on
_SEED = 0

Top = tuple[Float32, NDArray[np.int64]]


def top(vectors: Float32, queries: Float32, k: int, keep: Path | None = None) -> Top:
    """The ``k`` vectors of highest inner product with each query, the best first.

    Exact for up to ``EXACT_UP_TO`` vectors. Above it an index is built and asked, which may miss
    some of them; where it finds fewer than k, the rest have the score −inf and the number −1.

    Args:
        vectors: (n, d), n at least 1.
        queries: (q, d).
        k: all vectors are returned where there are fewer.
        keep: folder in which the index of these very vectors is kept; replaced by the next one's.

    Returns:
        Scores (q, min(k, n)) float32 and the vectors' numbers (q, min(k, n)) int64. Of equal scores
        the lower number is first.
    """
    k = min(k, len(vectors))
    if len(vectors) <= EXACT_UP_TO:
        return exact(vectors, queries, k)
    return ask(build(vectors) if keep is None else kept(vectors, keep), queries, k)


def exact(vectors: Float32, queries: Float32, k: int) -> Top:
    """As :func:`top`, whatever the number of vectors; k at most n."""
    block = max(1, _SCORES // len(queries))
    scores = np.empty((len(queries), 0), np.float32)
    numbers = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), block):
        found = queries @ vectors[start : start + block].T
        columns = _best(found, k)
        scores = np.concatenate([scores, np.take_along_axis(found, columns, 1)], axis=1)
        numbers = np.concatenate([numbers, start + columns], axis=1)
        # those of earlier blocks are in front, so equal scores stay in the order of the vectors
        columns = _best(scores, k)
        scores = np.take_along_axis(scores, columns, 1)
        numbers = np.take_along_axis(numbers, columns, 1)
    return scores, numbers


def _best(scores: Float32, k: int) -> NDArray[np.int64]:
    """The columns of each row's k highest scores, (q, at most k), the best first, ties in order."""
    k = min(k, scores.shape[1])
    rows = []
    for row in scores:
        edge = np.partition(row, -k)[-k]
        above = np.flatnonzero(row > edge)
        tied = np.flatnonzero(row == edge)[: k - len(above)]
        columns = np.concatenate([above, tied])
        rows.append(columns[np.argsort(-row[columns], kind="stable")])
    return np.stack(rows)


def build(vectors: Float32) -> Any:
    """An index of vectors: flat IVF of √n lists. The same vectors give the same index."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # k-means sums in an order that the number of threads changes
    try:
        lists = int(np.sqrt(len(vectors)))
        index: Any = faiss.index_factory(
            vectors.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.max_points_per_centroid = _SEED, _POINTS
        index.train(vectors)
        index.add(vectors)
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def ask(index: Any, queries: Float32, k: int) -> Top:
    """As :func:`top`, from an index of :func:`build`."""
    index.nprobe = PROBES
    scores, numbers = index.search(np.ascontiguousarray(queries), k)
    scores[numbers < 0] = -np.inf
    order = np.lexsort((numbers, -scores), axis=1)
    return np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)


def kept(vectors: Float32, folder: Path) -> Any:
    """The index of these vectors from a folder, built and written where there is no whole one.

    Its file is named by digests of the vectors (with this module's source) and of its own bytes.
    """
    import faiss

    of = hashlib.sha256(Path(__file__).read_bytes() + repr(vectors.shape).encode())
    of.update(np.ascontiguousarray(vectors).data)
    name = of.hexdigest()[:16]
    for path in folder.glob(f"{name}-*.faiss"):
        if path.stem == f"{name}-{_digest(path)}":
            return faiss.read_index(str(path))
    index = build(vectors)
    with new_folder(folder) as work:
        file = work / "index"
        faiss.write_index(index, str(file))
        file.rename(work / f"{name}-{_digest(file)}.faiss")
    return index


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
