"""How near motion made for music is to the dance: numbers, tables, picture.

A clip is a test excerpt. A generator that follows the music has to be nearer to the dance than motions
that do not (:mod:`motionmusic.scoring.rivals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from motionmusic.features.beats import Definition, alignment_by_chance, beat_alignment, motion_beats
from motionmusic.results.tables import document, grid
from motionmusic.scoring import motion_errors as measures
from motionmusic.scoring.motion_errors import RATE_HZ
from motionmusic.scoring.rivals import IDS, Dances, Floats, Made, Motion, Perceive, systems

Estimate = Callable[[Floats], Floats]
"""A number for each row of (r, pieces): how often each piece counts."""

ROWS = {
    "generator": "generator",
    "shifted": "real motion, half a beat off",
    "moment": "real motion, another moment",
    "another": "another piece",
    "neighbour": "nearest neighbour",
    "mean_pose": "mean pose",
    "itself": "the dance itself",
}
GENERATOR, ITSELF = "generator", "itself"
REFERENCES = tuple(row for row in ROWS if row not in (GENERATOR, ITSELF))
# name → column's title; the errors, 0 for the dance itself
ERRORS = {
    "mpe": "MPE",
    "rde_coded": "RDE (coded)",
    "rde_described": "RDE (described)",
    "sce_coded": "SCE (coded)",
    "sce_described": "SCE (described)",
}
OTHERS = {
    "sdp": "SDP, %",
    "mint": "beat alignment, mint",
    "mint_chance": "… by chance",
    "bailando": "beat alignment, Bailando",
    "bailando_chance": "… by chance",
    "diversity": "diversity",
}
MEASURES = ERRORS | OTHERS
NEGATIVES = {
    "easy": "from another piece (easy)",
    "hard": "from another moment (hard)",
    "super_hard": "part of a beat off (super-hard)",
}
VOTERS = {"network": "synchrony network", "judge": "judge, on what it learnt"}
FINDERS = {"network": "synchrony network", "mint": "beats, mint", "bailando": "beats, Bailando"}
TOLERANCE_S = 0.1
OFFSET_CHANCE = 7 / 121  # of a guess among the offsets of a curve

_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")
_DIGITS = {"sdp": 1}


@dataclass(frozen=True)
class _Row:
    """One system: its measures clip by clip (n rows), and how far its motions are apart (n, n)."""

    clips: pd.DataFrame
    apart: Floats


def evaluate(
    clips: pd.DataFrame,
    frames: int,
    dances: Dances,
    made: Sequence[Made],
    *,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Every system's measures, with intervals over pieces, and how the generator compares.

    Args:
        clips: fold, piece, excerpt, start (:func:`clips_of`).
        frames: of each.
        dances: of the data set.
        made: one a seed; the values of a clip are their means.
        seed: of the intervals and of what is drawn.
        resamples: of each interval.

    Returns:
        clips, pieces, folds, frames, seeds, rows {row: {measure: {value, low, high}}}, counted
        {row: clips that have a motion}, differences of the generator to the rows of ``REFERENCES``,
        paired, {row: {error: {value, low, high}}}, verdicts {row: sentence}. NaN where nothing could
        be measured, such as RDE of clips that are too short.

    Raises:
        ValueError: as for :func:`systems`.
    """
    motions = systems(clips, frames, dances, made, seed)
    (real,) = motions[ITSELF]
    music = [_within(dances.music[piece], start, frames) for piece, start in
             zip(clips["piece"], clips["start"], strict=True)]  # fmt: skip
    seen = [_perceived(of.perceive, clips, real) for of in made]
    rows = {}
    for row, versions in motions.items():
        tables = [_measured(real, version, music) for version in versions]
        table = sum(tables[1:], tables[0]) / len(tables)
        # a motion that is the same for every seed still has as many judges as there are seeds
        table["mpe"] = np.mean(
            [
                np.abs(_perceived(of.perceive, clips, versions[n % len(versions)]) - seen[n]).mean(
                    axis=(1, 2)
                )
                for n, of in enumerate(made)
            ],
            axis=0,
        )
        apart = np.mean([measures.distances(version) for version in versions], axis=0)
        rows[row] = _Row(table, apart)
    member, draws = _resampled(clips["piece"], seed, resamples)
    verdicts, differences = {}, {}
    for row in REFERENCES:
        differences[row] = {
            name: _bounded(_difference(rows[GENERATOR], rows[row], name, member), draws)
            for name in ERRORS
        }
        verdicts[row] = _verdict(row, differences[row])
    return {
        "clips": len(clips),
        "pieces": int(clips["piece"].nunique()),
        "folds": int(clips["fold"].nunique()),
        "frames": frames,
        "seeds": len(made),
        "rows": {
            row: {name: _bounded(_estimate(found, name, member), draws) for name in MEASURES}
            for row, found in rows.items()
        },
        "counted": {row: int(found.clips["spread"].notna().sum()) for row, found in rows.items()},
        "differences": differences,
        "verdicts": verdicts,
    }


def _within(times_s: Floats, start: int, frames: int) -> Floats:
    """Beats of a clip, seconds from its first frame."""
    times = times_s - start / RATE_HZ
    return np.asarray(times[(times >= 0) & (times < frames / RATE_HZ)])


def _perceived(perceive: Perceive, clips: pd.DataFrame, motions: Motion) -> Floats:
    """What the judge of each clip's fold makes of its motion, (n, frames, 64); NaN of NaN."""
    codes = np.full((len(clips), 1, 1), np.nan)
    there = np.isfinite(motions).all(axis=(1, 2, 3))
    of = clips["fold"].to_numpy()
    for fold in np.unique(of[there]):
        rows = np.flatnonzero(there & (of == fold))
        found = perceive(int(fold), motions[rows])
        if codes.shape[1:] != found.shape[1:]:
            codes = np.full((len(clips), *found.shape[1:]), np.nan)
        codes[rows] = found
    return codes


def _measured(real: Motion, made: Motion, music: Sequence[Floats]) -> pd.DataFrame:
    """One row a clip: errors before their logarithm, spreads, beat alignments; NaN for no motion."""
    frames = real.shape[1]
    names = [name for name in MEASURES if name not in ("mpe", "sdp", "diversity")]
    table = pd.DataFrame(np.nan, index=range(len(real)), columns=[*names, "spread", "real_spread"])
    for place, (own, other, beats) in enumerate(zip(real, made, music, strict=True)):
        if not np.isfinite(other).all():
            continue
        values = {"spread": measures.spread(other), "real_spread": measures.spread(own)}
        for form in ("coded", "described"):
            described = form == "described"
            if frames >= measures.SHORTEST_RHYTHM:
                error = measures.rhythm_error(own, other, described=described)
                values[f"rde_{form}"] = error
            if frames >= measures.SHORTEST_STRENGTH:
                error = measures.strength_error(own, other, described=described)
                values[f"sce_{form}"] = error
        joints = np.pad(other, ((0, 0), (0, 0), (0, 1)))
        for name in _DEFINITIONS:
            moving = motion_beats(joints, RATE_HZ, name)
            values[name] = beat_alignment(moving, beats, name)
            values[f"{name}_chance"], _ = alignment_by_chance(
                moving, beats, frames / RATE_HZ, name, shifts=50
            )
        table.loc[place, list(values)] = list(values.values())
    return table


def _resampled(pieces: pd.Series[Any], seed: int, resamples: int) -> tuple[Floats, Floats]:
    """Which clip is of which piece, (n, p), and how often each draw has each piece, (resamples, p).

    The draws are those of :func:`motionmusic.scoring.retrieval.interval`.
    """
    codes, names = pd.factorize(pieces)
    draws = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    counts = np.stack([np.bincount(draw, minlength=len(names)) for draw in draws])
    return np.eye(len(names))[codes], counts.astype(np.float64)


def _bounded(estimate: Estimate, draws: Floats) -> dict[str, float]:
    """A value with its 95 % interval, which is NaN with less than two pieces."""
    pieces = draws.shape[1]
    (value,) = estimate(np.ones((1, pieces)))
    low = high = float("nan")
    if pieces > 1 and np.isfinite(value):
        low, high = np.nanquantile(estimate(draws), [0.025, 0.975])
    return {"value": float(value), "low": float(low), "high": float(high)}


def _estimate(row: _Row, name: str, member: Floats) -> Estimate:
    if name == "diversity":
        return _diversity(row.apart, member)
    if name == "sdp":
        made, real = (
            _mean(row.clips[kind].to_numpy(), member) for kind in ("spread", "real_spread")
        )
        return lambda counts: np.asarray(100 * made(counts) / real(counts))
    return _error(row.clips[name].to_numpy(), name, member)


def _error(values: Floats, name: str, member: Floats) -> Estimate:
    """A mean, of which RDE and SCE are the logarithm (:func:`measures.logarithm`)."""
    mean = _mean(values, member)
    if name[:3] not in ("rde", "sce"):
        return mean
    return lambda counts: np.asarray(np.log1p(1e7 * mean(counts)))


def _difference(one: _Row, other: _Row, name: str, member: Floats) -> Estimate:
    """Between two systems, of the clips that both have."""
    a, b = one.clips[name].to_numpy(), other.clips[name].to_numpy()
    both = np.isfinite(a) & np.isfinite(b)
    first, second = (_error(np.where(both, values, np.nan), name, member) for values in (a, b))
    return lambda counts: first(counts) - second(counts)


def _mean(values: Floats, member: Floats) -> Estimate:
    """The mean over clips; NaN values are left out."""
    there = np.isfinite(values)
    sums, numbers = np.where(there, values, 0) @ member, there @ member
    return lambda counts: _ratio(counts @ sums, counts @ numbers)


def _diversity(apart: Floats, member: Floats) -> Estimate:
    """The mean over pairs of motions for different pieces."""
    there = np.isfinite(apart)
    sums = member.T @ np.where(there, apart, 0) @ member
    numbers = member.T @ there @ member
    for square in (sums, numbers):
        np.fill_diagonal(square, 0)
    return lambda counts: _ratio(
        np.einsum("rp,pq,rq->r", counts, sums, counts, optimize=True),
        np.einsum("rp,pq,rq->r", counts, numbers, counts, optimize=True),
    )


def _ratio(sums: Floats, numbers: Floats) -> Floats:
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def agreement(votes: Sequence[pd.DataFrame], seed: int, resamples: int) -> dict[str, Any]:
    """How often the true pair of music and motion gets the higher vote, with intervals over pieces.

    Args:
        votes: one a seed: piece, excerpt, easy, hard, super_hard, judge_easy, …; shares of draws.
        seed: of the intervals.
        resamples: of each.

    Returns:
        clips, pieces, network and judge {negative: {value, low, high}}.
    """
    mean = pd.concat(votes).groupby(IDS, as_index=False).mean()
    member, draws = _resampled(mean["piece"], seed, resamples)
    return {
        "clips": len(mean),
        "pieces": int(mean["piece"].nunique()),
    } | {
        voter: {
            name: _bounded(_mean(mean[f"{prefix}{name}"].to_numpy(float), member), draws)
            for name in NEGATIVES
        }
        for voter, prefix in (("network", ""), ("judge", "judge_"))
    }


def recovered(offsets: Sequence[pd.DataFrame], seed: int, resamples: int) -> dict[str, Any]:
    """How often a planted offset is found within 0.1 s, with intervals over pieces.

    Args:
        offsets: one a seed: piece, planted_s, network_s, mint_s, bailando_s; NaN is not found.
        seed: of the intervals.
        resamples: of each.

    Returns:
        planted (of one seed), pieces, and by each way {value, low, high}.
    """
    rows = pd.concat(offsets, ignore_index=True)
    member, draws = _resampled(rows["piece"], seed, resamples)
    found: dict[str, Any] = {
        "planted": len(offsets[0]),
        "pieces": int(rows["piece"].nunique()),
    }
    for way in FINDERS:
        off = (rows[f"{way}_s"] - rows["planted_s"]).abs()
        right = np.asarray(off <= TOLERANCE_S + 1e-6, np.float64)
        found[way] = _bounded(_mean(right, member), draws)
    return found


def _verdict(row: str, differences: Mapping[str, Mapping[str, float]]) -> str:
    """In which errors the generator beats a reference: the interval wholly below 0."""
    groups: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for name, number in differences.items():
        if np.isfinite(number["low"]):
            kind = "better" if number["high"] < 0 else "worse" if number["low"] > 0 else "open"
            groups[kind].append(ERRORS[name])
    said = [
        f"{text} {'all errors' if len(groups[kind]) == len(ERRORS) else _listed(groups[kind])}"
        for kind, text in (
            ("better", "beats it in"), ("worse", "loses in"), ("open", "is not distinguishable in"),
        ) if groups[kind]
    ]  # fmt: skip
    return f"Against {_SPOKEN[row]}, the generator {_listed(said) or 'could not be measured'}."


_SPOKEN = {
    "shifted": "the same dance half a beat off",
    "moment": "the same dance at another moment",
    "another": "the dance of another piece",
    "neighbour": "the dance to the nearest music",
    "mean_pose": "a mean pose that does not move",
}


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def flat(results: Mapping[str, Any]) -> pd.DataFrame:
    """One row a number: system, measure, value, low, high; a difference's measure ends in _minus_…"""
    rows: list[dict[str, Any]] = []
    for row, numbers in results["rows"].items():
        rows += [{"system": row, "measure": name, **number} for name, number in numbers.items()]
    for row, numbers in results["differences"].items():
        rows += [
            {"system": GENERATOR, "measure": f"{name}_minus_{row}", **number}
            for name, number in numbers.items()
        ]
    for voter in VOTERS:
        rows += [
            {"system": voter, "measure": name, **number}
            for name, number in results["synchrony"][voter].items()
        ]
    rows += [{"system": way, "measure": "offset", **results["offsets"][way]} for way in FINDERS]
    return pd.DataFrame(rows)[["system", "measure", "value", "low", "high"]]


def markdown(results: Mapping[str, Any], dataset: str, protocol: str) -> str:
    """Both tables as printed, with captions and what they say in words."""
    return document(
        f"**Motion from music on {dataset}, {protocol}: how far from the dance.** {_counted(results)}"
        f" In brackets the 95 % interval, bootstrap over pieces. {_MEANINGS}{_left_out(results)}",
        grid(["", *ERRORS.values()], _cells(results["rows"], ERRORS, skipped=ITSELF)),
        " ".join(results["verdicts"].values())
        + " Beaten: the interval of the paired difference is wholly below 0.",
        "Generator minus the other, paired over pieces; below 0 the generator is nearer to the dance.",
        grid(["generator minus", *ERRORS.values()], _cells(results["differences"], ERRORS, sign="+")),
        _LIVELY,
        grid(["", *OTHERS.values()], _cells(results["rows"], OTHERS)),
        _synchrony_caption(results),
        grid(["the other pair is", *VOTERS.values(), "chance"], _accuracies(results)),
        _offsets_caption(results),
        grid(
            [*FINDERS.values(), "chance"],
            [[*(_percent(results["offsets"][way]) for way in FINDERS), f"{100 * OFFSET_CHANCE:.1f}"]],
        ),
    )  # fmt: skip


_MEANINGS = (
    "MPE: mean absolute difference of what a judge sees in both motions. The judge is a synchrony"
    " network trained apart on the fold's test pieces, as the authors describe; neither the generator"
    " nor the synchrony network has seen those. Its values compare within this table only. RDE"
    " compares spectra, SCE the strength of movement over time; both are ln(10⁷ · mean + 1), in the"
    " form that the authors' code has and in the one that they describe (0.7 to 2.9 Hz and all above"
    " 0.7 Hz; opposite movements cancel or add). Both look at seconds, so half a beat changes them"
    " little: timing is in MPE and in the beats below. Moving otherwise costs more than not moving, so"
    " a mean pose can be nearer than a real dance, and only beating both says something of the music."
    " The dance itself has 0 everywhere."
)
_LIVELY = (
    "**What the motions are like.** SDP: spread of the poses over time in percent of the dance's."
    " Beat alignment with the clip's music, and by chance: with the same music turned to other"
    " moments, as more beats of the body alone raise Bailando's. Diversity: how far a keypoint is"
    " from itself in the motion for another piece, mean over pairs; shoulders are 0.27 above hips."
)


def _counted(results: Mapping[str, Any]) -> str:
    seeds = results["seeds"]
    return (
        f"{results['clips']} test excerpts of {results['pieces']} pieces in {results['folds']}"
        f" {'fold' if results['folds'] == 1 else 'folds'}, {results['frames']} frames"
        f" ({results['frames'] / RATE_HZ:.1f} s) each."
        f" {'One seed' if seeds == 1 else f'Means of {seeds} seeds'}."
    )


def _left_out(results: Mapping[str, Any]) -> str:
    texts = [
        f" {ROWS[row].capitalize()}: {count} excerpts, for the others there is none."
        for row, count in results["counted"].items()
        if count < results["clips"]
    ]
    if results["frames"] < measures.SHORTEST_RHYTHM:
        texts.append(f" RDE needs {measures.SHORTEST_RHYTHM} frames: –.")
    return "".join(texts)


def _synchrony_caption(results: Mapping[str, Any]) -> str:
    of = results["synchrony"]
    return (
        "**Do music and motion belong together?** How often, in percent, the true pair gets the"
        f" higher vote of the two; {of['clips']} excerpts of {of['pieces']} pieces. The synchrony"
        " network was trained on training pieces. The judge was trained on these very pieces, so its"
        " numbers say what it has learnt, not what it can do elsewhere."
    )


def _offsets_caption(results: Mapping[str, Any]) -> str:
    of = results["offsets"]
    return (
        f"**Planted offsets found within {TOLERANCE_S} s**, in percent: {of['planted']} in"
        f" {of['pieces']} dances, by the synchrony network's votes and by beat alignment. Chance: one"
        " of the 121 offsets within ±2 s, drawn at random."
    )


def _cells(
    rows: Mapping[str, Mapping[str, Mapping[str, float]]],
    names: Mapping[str, str],
    skipped: str = "",
    sign: str = "",
) -> list[list[str]]:
    return [
        [ROWS[row], *(_cell(numbers[name], name, sign) for name in names)]
        for row, numbers in rows.items()
        if row != skipped
    ]


def _cell(number: Mapping[str, float], name: str, sign: str = "") -> str:
    digits = _DIGITS.get(name, 3)
    value, low, high = (f"{number[key]:{sign}.{digits}f}" for key in ("value", "low", "high"))
    if not np.isfinite(number["value"]):
        return "–"
    # by chance is a mean to compare with
    interval = f" [{low}, {high}]" if np.isfinite(number["low"]) and "chance" not in name else ""
    return f"{value}{interval}".replace("-", "−")


def _accuracies(results: Mapping[str, Any]) -> list[list[str]]:
    of = results["synchrony"]
    return [
        [text, *(_percent(of[voter][name]) for voter in VOTERS), "50.0"]
        for name, text in NEGATIVES.items()
    ]


def _percent(number: Mapping[str, float]) -> str:
    return _cell({key: 100 * value for key, value in number.items()}, "sdp")


def picture(results: Mapping[str, Any], title: str) -> Figure:
    """The five errors of every system, and the accuracies, all with intervals."""
    figure = Figure(figsize=(13, 6.6), dpi=150, layout="constrained")
    axes = figure.subplots(2, 3)
    rows = [row for row in ROWS if row != ITSELF]
    for axis, (name, text) in zip(axes.flat, ERRORS.items(), strict=False):
        for place, row in enumerate(rows):
            colour = _OWN if row == GENERATOR else _GREY
            _dot(axis, place, results["rows"][row][name], 1, colour)
        value = results["rows"][GENERATOR][name]["value"]
        if np.isfinite(value):
            axis.axvline(value, color=_OWN, linewidth=0.8, alpha=0.4)
            axis.set_xlim(left=0)
        else:
            axis.text(0.5, 0.5, "excerpts are too short", ha="center", transform=axis.transAxes)
        axis.set_title(text, fontsize=10)
        axis.set_yticks(range(len(rows)), [ROWS[row] for row in rows], fontsize=9)
        axis.tick_params(labelleft=axis not in axes[:, 1])
        axis.set_ylim(len(rows) - 0.5, -0.5)
    last = axes.flat[-1]
    of, offsets = results["synchrony"], results["offsets"]
    dots = [(_SHORT[name], of["network"][name], 0.5, _OWN) for name in NEGATIVES]
    dots += [(f"judge: {_SHORT[name]}", of["judge"][name], 0.5, _GREY) for name in NEGATIVES]
    dots += [
        (f"offset, {text}", offsets[way], OFFSET_CHANCE, _OWN if way == "network" else _GREY)
        for way, text in FINDERS.items()
    ]
    for place, (_, number, chance, colour) in enumerate(dots):
        _dot(last, place, number, 100, colour)
        last.plot(2 * [100 * chance], [place - 0.4, place + 0.4], "--", color="#b3401a")
    last.set_title(f"right pair, offset within {TOLERANCE_S} s: percent", fontsize=10)
    last.set_yticks(range(len(dots)), [text for text, *_ in dots], fontsize=9)
    last.set_ylim(len(dots) - 0.5, -0.5)
    last.set_xlim(0, 103)
    for axis in axes.flat:
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=12)
    figure.supxlabel(
        "95 % intervals over pieces; errors: 0 is the dance itself; dashed: chance; grey: what no network"
        " made or found, and the judge, which was trained on the pieces that it is asked about",
        fontsize=9,
    )
    return figure


_OWN, _GREY = "#1f5fa8", "0.5"
_SHORT = {"easy": "another piece", "hard": "another moment", "super_hard": "part of a beat off"}


def _dot(axis: Any, place: int, number: Mapping[str, float], factor: float, colour: str) -> None:
    value, low, high = (factor * number[key] for key in ("value", "low", "high"))
    # where all clips are equal, their mean and the bounds differ by rounding
    span = np.maximum(0, [[value - low], [high - value]])
    axis.errorbar(value, place, xerr=span, fmt="o", color=colour, capsize=3, markersize=5)
