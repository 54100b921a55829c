"""The only reader of params.yaml, and what each of its groups may hold.

A group is keyed by corpus, by task, or is global. A task's name with a dot (``m2d.paper``) is two
steps in the file. No model has a default value: params.yaml is the only place that has any.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from motionmusic.errors import UserError
from motionmusic.params_errors import as_user_error

FILE = Path("params.yaml")
T = TypeVar("T")

Center = Literal["twice", "once", "none"]
Scale = Literal["per_coordinate_piece", "per_piece"]
Feature = Literal["logmel", "mfcc"]
Resampler = Literal["kaiser_fast", "kaiser_best", "soxr_hq"]
Choose = Literal["first", "even", "one"]
Protocol = Literal[
    "paper", "published", "by_piece", "by_figure", "by_body", "body_a", "official", "official_clean",
    "random_segment", "by_track", "by_dancer", "by_choreography", "by_dancer_and_choreography",
]  # fmt: skip
Labels = Annotated[dict[str, str], Field(min_length=2)]
Count = Annotated[int, Field(ge=1)]
Pair = Annotated[int, Field(ge=2)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Module = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Weight = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]
Seeds = Annotated[list[Seed], Field(min_length=1)]


class Group(BaseModel):
    """One group: unknown keys, wrong types and missing keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MusicToDance(Group):
    """The published data set, in the paper's time or on the beat of its music.

    ``pieces`` is all or names with spaces.
    """

    source: Literal["musictodance", "on_beat"]
    labels: Labels
    pieces: str
    stand_ins: str | None


class Aist(Group):
    """AIST++ annotations and AIST dance music."""

    source: Literal["aist"]
    labels: Labels
    accept_terms: bool
    folder: str | None


class Retargeted(Group):
    """Dances of AIST++ on another skeleton, damaged; ``proximal`` leaves wrists and ankles out."""

    source: Literal["aist_retargeted"]
    labels: Labels
    joints: Literal["all", "proximal"]


class Own(Group):
    """The user's own dances."""

    source: Literal["folder"]
    labels: Labels
    folder: str


class Synthetic(Group):
    """Dances made on the spot."""

    source: Literal["synthetic"]
    labels: Labels
    pieces_per_type: Count
    seconds: Annotated[float, Field(ge=10, le=3600)]
    seed: Seed


AnyCorpus: TypeAlias = MusicToDance | Aist | Retargeted | Own | Synthetic
_Corpus = Annotated[AnyCorpus, Field(discriminator="source")]
CORPUS: TypeAdapter[AnyCorpus] = TypeAdapter(_Corpus)


class Joints(Group):
    """How skeletons become joints (O9, O27, O29)."""

    center: Center
    scale: Scale


class Bones(Group):
    """How joints become bones (O8)."""

    paper: bool


class Music(Group):
    """How sound becomes features (O2, O10, O11, O28)."""

    feature: Feature
    sample_rate: Annotated[int, Field(ge=8000, le=96000)]
    resampler: Resampler
    scale: Scale
    pad_short: bool
    short_sound: Literal["error", "cut"]


class StoredMusic(Group):
    """Features that the source has in place of sound (features/music.py says how they are scaled)."""

    feature: Literal["stored"]


AnyMusic: TypeAlias = Music | StoredMusic
_Music = Annotated[AnyMusic, Field(discriminator="feature")]
MUSIC: TypeAdapter[AnyMusic] = TypeAdapter(_Music)


class Segment(Group):
    """Excerpts and the split (O1, O12, O20)."""

    excerpt_frames: Annotated[int, Field(ge=25)]
    excerpts: Count | Literal["all"]
    choose: Choose
    protocol: Protocol
    folds: Count
    seed: Seed

    @model_validator(mode="after")
    def _agree(self) -> Segment:
        if self.protocol in ("by_piece", "by_figure") and self.folds < 3:
            raise ValueError(f"protocol {self.protocol} needs at least 3 folds")
        if self.protocol in ("random_segment", "by_choreography") and self.folds < 2:
            raise ValueError(f"protocol {self.protocol} needs at least 2 folds")
        if self.protocol in ("by_body", "by_track", "by_dancer") and self.folds != 2:
            raise ValueError(f"protocol {self.protocol} has two folds: each side tests the other")
        if self.protocol == "by_dancer_and_choreography" and (self.folds < 4 or self.folds % 2):
            raise ValueError(f"protocol {self.protocol} has two sides times at least two parts")
        one = ("paper", "published", "body_a", "official", "official_clean")
        if self.protocol in one and self.folds > 1:
            raise ValueError(f"protocol {self.protocol} has one split: folds must be 1")
        return self


class Train(Group):
    """The schedule of phase 1, of which phase 2 differs in its epochs (O3, O6)."""

    width: Annotated[int, Field(ge=4, le=512, multiple_of=4)]
    batch: Pair
    learning_rate: Rate
    schedule: Literal["constant", "one_cycle"]
    precision: Literal["fp32", "bf16", "auto"]
    recipe: Literal["paper", "quick"]
    epochs: Count
    select: Literal["last_hundred", "last", "best_validation"]

    @model_validator(mode="after")
    def _agree(self) -> Train:
        if self.select == "last_hundred":
            if self.schedule != "constant":
                raise ValueError("select last_hundred needs schedule constant")
            if self.epochs <= 100:
                raise ValueError("select last_hundred needs more than 100 epochs")
        if self.recipe == "quick" and self.schedule == "constant":
            raise ValueError("recipe quick needs schedule one_cycle, its warm-up and cosine")
        return self


class Epochs(Group):
    """How long: phase 2 (cotrain), and the synchrony network."""

    epochs: Count


class Baseline(Group):
    """Baselines on per-segment statistics."""

    trees: Count
    logistic_c: Annotated[float, Field(gt=0)]


class Leakage(Group):
    """Which distances of segments are near, and which are none (shares of the task's spread)."""

    near: Annotated[float, Field(gt=0)]
    identical: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _agree(self) -> Leakage:
        if self.identical > self.near:
            raise ValueError("identical is larger than near")
        return self


class Evaluate(Group):
    """Intervals (95 %, percentile bootstrap over pieces)."""

    resamples: Annotated[int, Field(ge=100)]
    seed: Seed


class Match(Group):
    """The heads that are learned on the cotrained networks' codes (docs/matching.md).

    ``margin`` is of the label-driven loss (distances of unit vectors), ``temperature`` where the
    learned one of InfoNCE starts.
    """

    size: Pair
    epochs: Count
    batch: Pair
    learning_rate: Rate
    weight_decay: Weight
    margin: Annotated[float, Field(gt=0, le=2)]
    temperature: Annotated[float, Field(gt=0, le=1)]


class Deconfounded(Group):
    """DecCM's parts; each can be left out (false or 0)."""

    backdoor: bool
    propensity: bool
    teacher: Weight
    divergence: Weight
    margin: Annotated[float, Field(gt=0)]
    hardest: Count


class Matching(Group):
    """How matches are measured: DecCM's number of negatives, the cut of its recall."""

    negatives: Count
    own_track: bool
    top: Count


class Dance(Group):
    """How long M2S-Net and M2S-GAN are trained (docs/dance.md)."""

    steps: Count
    generator_steps: Count


class Ratings(Group):
    """The outlier rule: a subject's Q3 so far from the mean of its major's others is left out."""

    outlier: Annotated[float, Field(gt=0, le=1)]


class Benchmark(Group):
    """The leaderboard's own models, modules of scoring/entries, and their seeds."""

    entries: Annotated[list[Module], Field(min_length=1)]
    seeds: Seeds


HOP = 512
SYNC_TOLERANCE = 1e-3  # AIST++: 30,700 / 512 = 59.96 instead of 60 (O11)


def motion_rate_hz(source: str) -> float:
    """Frames a second of a source's joints."""
    return 60.0 if source == "aist" else 25.0


def _by_task(value: Any, model: type[Group]) -> Any:
    """{m2d: {paper: {…}}, synthetic: {…}} as {m2d.paper: {…}, synthetic: {…}}."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for name, row in value.items():
        if isinstance(row, dict) and row and not set(row) & set(model.model_fields):
            flat |= {f"{name}.{inner}": deeper for inner, deeper in row.items()}
        else:
            flat[name] = row
    return flat


class Schema(BaseModel):
    """The whole file; groups by task are keyed by the task's full name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    corpora: dict[str, _Corpus]
    joints: dict[str, Joints]
    bones: dict[str, Bones]
    music: dict[str, _Music]
    segment: dict[str, Segment]
    train: dict[str, Train]
    cotrain: dict[str, Epochs]
    baseline: Baseline
    leakage: Leakage
    evaluate: Evaluate
    match: Match
    deconfounded: Deconfounded
    matching: Matching
    synchrony: dict[str, Epochs]
    dance: dict[str, Dance]
    ratings: Ratings
    seeds: Seeds
    benchmark: Benchmark
    collaborative: Annotated[Seeds, Field(min_length=2)]

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, whole: Any) -> Any:
        if not isinstance(whole, dict):
            return whole
        return whole | {
            name: _by_task(whole[name], model) for name, model in BY_TASK.items() if name in whole
        }

    @model_validator(mode="after")
    def _agree(self) -> Schema:
        for group in ("joints", "bones", "music"):
            if set(getattr(self, group)) != set(self.corpora):
                raise ValueError(f"{group} must have exactly the corpora")
        for group in ("train", "cotrain"):
            if set(getattr(self, group)) != set(self.segment):
                raise ValueError(f"{group} must have exactly the tasks of segment")
        for name, row in self.train.items():
            if row.select == "last_hundred" and self.cotrain[name].epochs <= 100:
                raise ValueError(f"cotrain.{name}: select last_hundred needs more than 100 epochs")
        of = self.benchmark
        for values in (self.seeds, of.entries, of.seeds, self.collaborative):
            if len(set(values)) != len(values):
                raise ValueError(f"{values}: each may stand once")
        for name, corpus in self.corpora.items():
            sound, rate = self.music[name], motion_rate_hz(corpus.source)
            if isinstance(sound, StoredMusic) != isinstance(corpus, Retargeted):
                raise ValueError(
                    f"music.{name}.feature: stored is for aist_retargeted, and all it has"
                )
            frames_per_second = rate if isinstance(sound, StoredMusic) else sound.sample_rate / HOP
            if abs(frames_per_second / rate - 1) > SYNC_TOLERANCE:
                raise ValueError(
                    f"music.{name}.sample_rate gives {frames_per_second:.3f} frames per second,"
                    f" the motion of {corpus.source} has {rate}"
                )
            if corpus.source.startswith("aist") and self.joints[name].center != "none":
                raise ValueError(f"joints.{name}.center: AIST++ has no centre, use none")
        return self


BY_TASK: dict[str, type[Group]] = {
    "segment": Segment, "train": Train, "cotrain": Epochs, "synchrony": Epochs, "dance": Dance,
}  # fmt: skip


def group(model: type[T] | TypeAdapter[T], name: str, of: str | None = None) -> T:
    """One checked group of params.yaml; ``of`` names a corpus or a task where the group has them.

    Raises UserError where anything in the file is unknown, missing, of another type, out of range
    or contradictory, in this group or in any other.
    """
    value = getattr(_checked(FILE.resolve()), name)
    if of is not None:
        if of not in value:
            raise UserError(
                FILE, name, f"one of {', '.join(value)}", of, f"give it a row under {name}"
            )
        value = value[of]
    adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
    return adapter.validate_python(value)


@cache
def _checked(path: Path) -> Schema:
    try:
        # DVC's own reader: YAML 1.2 (1e-05 is a number), and no key twice
        whole = YAML(typ="safe", pure=True).load(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            FILE, "", "the parameters", "no such file", "run from the folder that has dvc.yaml"
        ) from None
    except YAMLError as error:
        raise UserError(FILE, "", "YAML", str(error), "mend the syntax") from None
    try:
        return Schema.model_validate(whole)
    except ValidationError as error:
        raise as_user_error(error, whole, FILE) from None
