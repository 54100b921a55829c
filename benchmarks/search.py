"""Time search for the nearest of 10⁴ to 10⁷ vectors: exact, and indices of faiss.

    python benchmarks/search.py

The catalogue is synthetic: unit vectors of 64 numbers in 1,000 clusters. The clusters' centres are
uniform on the sphere, the share of cluster i is proportional to 1/i, and a vector is its centre plus
normal noise of length 0.7, scaled to length 1. Queries are drawn in the same way and are not in the
catalogue. Each method and size has a process of its own, all of one thread, one after the other; in it

    build         seconds, once, from vectors in memory to an index that answers; that of IVF with
                  what the command does beside: hash the vectors, write the index
    again         seconds until the kept index answers: hash the vectors, read it, hash it
    one           milliseconds of one query, the median over all rounds of 20 queries each
    hundred       milliseconds of 100 queries in one call, the median over the rounds
    memory        resident after build and queries, beyond what was before them (vectors and all)
    peak          the most that was resident in between, beyond the same
    recall        share of the 10 nearest of exact search that are among the 10 found, of 100 queries

Linux only. The results are benchmarks/results/search.json and search.md.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import faiss
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from motionmusic import errors
from motionmusic.app import search
from motionmusic.files import Float32, write_json, write_text
from motionmusic.results.tables import grid

Result = TypeVar("Result")
D = 64
K = 10
NOISE = 0.7
NAMES = {
    "exact": "exact (NumPy)",
    "flat": "faiss flat",
    "ivf": f"faiss IVF √n, {search.PROBES} probes",
    "hnsw": "faiss HNSW 16, 40, 128",
}
SIZES = {n: tuple(NAMES) for n in (10**4, 10**5, 10**6)} | {10**7: ("exact", "ivf")}
HEAD = (
    "vectors", "method", "build, s", "again, s", "one query, ms", "100 queries, ms", "memory, MiB",
    "peak, MiB", "recall@10",
)  # fmt: skip


def catalogue(n: int, queries: int, d: int = D, clusters: int = 1000) -> tuple[Float32, Float32]:
    """Vectors (n, d) and queries (q, d), see the module; the same ones each time."""
    random = np.random.default_rng(n)
    centres = _unit(random.standard_normal((clusters, d), dtype=np.float32))
    share = 1 / np.arange(1, clusters + 1)

    def drawn(count: int) -> Float32:
        vectors = np.empty((count, d), np.float32)
        for part in np.array_split(vectors, 1 + count // 2**20):  # views; memory stays bounded
            of = random.choice(clusters, len(part), p=share / share.sum())
            noise = random.standard_normal(part.shape, dtype=np.float32)
            part[:] = _unit(centres[of] + np.float32(NOISE / d**0.5) * noise)
        return vectors

    return drawn(n), drawn(queries)


def _unit(vectors: Float32) -> Float32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def built(method: str, vectors: Float32, folder: Path) -> Callable[[Float32], search.Top]:
    """A method, ready to answer queries (q, d); ``folder`` keeps its index as the command does."""
    if method == "exact":
        return lambda queries: search.exact(vectors, queries, K)
    if method == "ivf":
        ivf = search.kept(vectors, folder)
        return lambda queries: search.ask(ivf, queries, K)
    index: Any
    if method == "flat":
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        index = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 40, 128
    index.add(vectors)
    return lambda queries: index.search(queries, K)


def measure(method: str, n: int, rounds: int) -> dict[str, Any]:
    """One row; in a process that has done nothing else."""
    with threadpool_limits(1), TemporaryDirectory() as folder:
        vectors, queries = catalogue(n, 100)
        ctypes.CDLL(None).malloc_trim(0)  # what drawing them has left would be used again, unseen
        before = _memory_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
        build_s, answer = _timed(partial(built, method, vectors, Path(folder)))
        ones, hundreds = [], []
        for number in range(rounds):
            for row in range(20):
                query = queries[(20 * number + row) % 100][None]
                ones.append(_timed(partial(answer, query))[0])
            seconds, (_, found) = _timed(partial(answer, queries))
            hundreds.append(seconds)
        after, peak = _memory_mib("VmRSS"), _memory_mib("VmHWM")
        again_s = None
        if method == "ivf":
            again_s = _timed(partial(search.kept, vectors, Path(folder)))[0]
        _, right = search.exact(vectors, queries, K)
    hits = [len(set(a) & set(b)) for a, b in zip(found.tolist(), right.tolist(), strict=True)]
    return {
        "vectors": n, "vectors_mib": vectors.nbytes / 2**20, "method": method,
        "build_s": None if method == "exact" else build_s, "again_s": again_s,
        "one_ms": 1e3 * median(ones), "hundred_ms": 1e3 * median(hundreds),
        "memory_mib": after - before, "peak_mib": peak - before,
        "recall": sum(hits) / (K * len(queries)),
    }  # fmt: skip


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _memory_mib(field: str) -> float:
    """VmRSS (now) or VmHWM (the peak) of this process; Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024


def _cell(value: float | None) -> str:
    """Three digits, without exponents."""
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    columns = ("build_s", "again_s", "one_ms", "hundred_ms", "memory_mib", "peak_mib", "recall")
    lines = [
        [f"{row['vectors']:,}", NAMES[row["method"]], *(_cell(row[name]) for name in columns)]
        for row in rows
    ]
    return grid(HEAD, lines)


def main(given: Sequence[str]) -> None:
    """search.py [--rounds N] [--out FOLDER]."""
    parser = argparse.ArgumentParser(description="Time search for the nearest vectors.")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    asked = parser.parse_args(given)
    load, rows = os.getloadavg(), []
    for n, methods in SIZES.items():
        for method in methods:
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                rows.append(alone.submit(measure, method, n, asked.rounds).result())
            print(text(rows[-1:]).splitlines()[-1], flush=True)
    import report  # here, so that the processes above do not load torch
    import torch

    machine = report.machine(torch.device("cpu")) | {
        "threads": 1,
        "faiss": faiss.__version__,
        "numpy": np.__version__,
        "load_before": load,
        "load_after": os.getloadavg(),
    }
    write_json(
        asked.out / "search.json", {"machine": machine, "rounds": asked.rounds, "rows": rows}
    )
    write_text(asked.out / "search.md", text(rows) + "\n")
    print(text(rows))


if __name__ == "__main__":
    errors.run(main)
