"""Features of entities that rules bound: measurements, fitted measurements, and ranks of both.

A feature is a measurement seen in one view: its value, or its rank among a group of the entities
that may be meant. Fitted measurements carry parameters found from demonstrations: the distance to
a typical colour or place, or the coordinate along a direction of colour or place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from concept_control.energy.measurements.entities import (
    MOVED,
    TIE,
    Marker,
    candidates_of,
    measure_entities,
    tones_of,
)
from concept_control.energy.measurements.entity_vocabulary import (
    INDEX,
    MEASUREMENTS,
    EntityMeasurement,
)
from concept_control.energy.scene_batch import SceneBatch

NUM_PARAMETERS = 4
"""Number of parameters of a fitted measurement or group; those not needed are zero."""

LIKE = 0.28
"""Largest difference of tones within a group of one colour."""

# Vectors of entities that fitted measurements read, see `_sources`.
TONE, CHROMA, RGB, RGB_MARKER, PLACE, OFFSET, MOTION = range(7)


@dataclass(frozen=True)
class FittedMeasurement:
    """A measurement with parameters: a distance to a point, or a coordinate along a direction.

    Attributes:
        measurement: Words and facts.
        source: Vector of each entity that is read, `TONE` to `MOTION`.
        width: Number of its components.
        is_direction: Whether the parameters are a direction; otherwise a point.
    """

    measurement: EntityMeasurement
    source: int
    width: int
    is_direction: bool


def _fitted(
    name: str, label: str, about: set[str], source: int, width: int, is_direction: bool
) -> FittedMeasurement:
    facts = EntityMeasurement(name, label, '', frozenset(about | {'fitted'}))
    return FittedMeasurement(facts, source, width, is_direction)


FITTED = (
    _fitted('near_tone', 'difference to the colour {}', {'colour'}, TONE, 4, False),
    _fitted('near_chroma', 'difference to the hue {}', {'colour'}, CHROMA, 3, False),
    _fitted('near_place', 'distance to {}', {'place'}, PLACE, 2, False),
    _fitted(
        'near_offset', 'distance to {} from the marker', {'place', 'marker'}, OFFSET, 2, False
    ),
    _fitted('near_motion', 'difference to the motion {}', {'motion'}, MOTION, 2, False),
    _fitted('mix', 'mix {} of red, green and blue', {'colour', 'signed'}, RGB, 3, True),
    _fitted(
        'mix_marker',
        "mix {} of red, green and blue minus the marker's",
        {'colour', 'marker', 'signed'},
        RGB_MARKER,
        3,
        True,
    ),
    _fitted('side', 'coordinate along {}', {'place'}, PLACE, 2, True),
    _fitted(
        'side_marker',
        'coordinate along {} from the marker',
        {'place', 'marker', 'signed'},
        OFFSET,
        2,
        True,
    ),
)
"""Fitted measurements; they follow `MEASUREMENTS` in the order of all."""

ALL_MEASUREMENTS = (*MEASUREMENTS, *(fitted.measurement for fitted in FITTED))
"""Measurements by the index that features use."""

ALL_INDEX = {measurement.name: index for index, measurement in enumerate(ALL_MEASUREMENTS)}
"""Index of each measurement, fitted ones included, by its name."""

GROUPS = (
    ('all', 'all'),
    ('moved', 'those that moved'),
    ('stayed', 'those that did not move'),
    ('like_marker', "those of the marker's colour"),
    ('unlike_marker', "those of another colour than the marker's"),
    ('like_attended', 'those of the colour {}'),
)
"""Groups in which entities are ranked, and their words; the last one is fitted (a tone)."""

ASCENDING, DESCENDING, MIDDLE = range(3)
"""Ranks: number of lower ones; number of higher ones; difference of the two."""

VALUE = 0
"""View that is the value itself; view 1 + 3 * group + rank is a rank."""

VIEWS = (
    'value',
    *(f'{rank}_{group}' for group, _ in GROUPS for rank in ('ascending', 'descending', 'middle')),
)
"""Stable names of the views."""


def rank_view(rank: int, group: int = 0) -> int:
    """Return the view that ranks within a group."""
    return 1 + 3 * group + rank


@dataclass(frozen=True)
class Features:
    """F features.

    Attributes:
        measurements: (F,) int64 index into `ALL_MEASUREMENTS`.
        views: (F,) int64 index into `VIEWS`.
        parameters: (F, 4) parameters of fitted measurements and groups.
    """

    measurements: torch.Tensor
    views: torch.Tensor
    parameters: torch.Tensor

    def __len__(self) -> int:
        return self.measurements.shape[0]

    def select(self, index: torch.Tensor) -> Features:
        """Return the features that an index picks."""
        return Features(self.measurements[index], self.views[index], self.parameters[index])

    def evaluate(self, scene: SceneBatch) -> torch.Tensor:
        """Return (R, N, F) values; NaN where undefined, as a rank outside its group."""
        values = self._values(scene)
        rank = self.views > VALUE
        if rank.any():
            values[..., rank] = self._ranks(scene, values[..., rank], rank)
        return values

    def _values(self, scene: SceneBatch) -> torch.Tensor:
        plain = len(MEASUREMENTS)
        index = self.measurements.clamp(max=plain - 1)
        values = measure_entities(scene, set(index.tolist()))[..., index]
        fitted = self.measurements >= plain
        if fitted.any():
            kinds = self.measurements[fitted] - plain
            points = self.parameters[fitted]
            vectors = _sources(scene)[:, :, _SOURCES[kinds]]
            along = (vectors * points).sum(dim=-1)
            away = (vectors - points).norm(dim=-1)
            values[..., fitted] = torch.where(_IS_DIRECTION[kinds], along, away)
        return values

    def _ranks(self, scene: SceneBatch, values: torch.Tensor, rank: torch.Tensor) -> torch.Tensor:
        views = self.views[rank] - 1
        member = self._groups(scene, views // 3, rank)
        # (R, F, N) with the entities last: sums over them are contiguous.
        values, member = values.transpose(1, 2), member.transpose(1, 2)
        mine, theirs = values.unsqueeze(3), values.unsqueeze(2)
        among = member.unsqueeze(2)
        lower = ((theirs < mine - TIE) & among).sum(dim=3)
        higher = ((theirs > mine + TIE) & among).sum(dim=3)
        kind = (views % 3).unsqueeze(1)
        ranks = torch.where(
            kind == ASCENDING, lower, torch.where(kind == DESCENDING, higher, (lower - higher))
        ).to(values)
        ranks = torch.where(kind == MIDDLE, ranks.abs(), ranks)
        ranks = ranks.masked_fill(~member | values.isnan(), torch.nan)
        return ranks.transpose(1, 2)

    def _groups(self, scene: SceneBatch, groups: torch.Tensor, rank: torch.Tensor) -> torch.Tensor:
        """Return (R, N, F) membership of the groups (F,)."""
        candidates = candidates_of(scene).unsqueeze(-1)
        if not groups.any():
            return candidates.expand(-1, -1, len(groups))
        moved = (scene.after - scene.before).norm(dim=-1) > MOVED
        tones = tones_of(scene.colors)
        off = (tones - Marker.of(scene).mean(tones)).norm(dim=-1)
        fixed = torch.stack(
            [torch.ones_like(moved), moved, ~moved, off < LIKE, off >= LIKE, moved], dim=-1
        )
        member = fixed[..., groups]
        fitted = groups == len(GROUPS) - 1
        if fitted.any():
            away = tones.unsqueeze(2) - self.parameters[rank][fitted]
            member[..., fitted] = away.norm(dim=-1) < LIKE
        return member & candidates


_SOURCES = torch.tensor([fitted.source for fitted in FITTED])
_IS_DIRECTION = torch.tensor([fitted.is_direction for fitted in FITTED])


def _sources(scene: SceneBatch) -> torch.Tensor:
    """Return (R, N, 7, 4) the vectors of entities that fitted measurements read."""
    marker = Marker.of(scene)
    tones = tones_of(scene.colors)
    vectors = (
        tones,
        tones[..., :3],
        scene.colors,
        scene.colors - marker.mean(scene.colors),
        scene.after,
        scene.after - marker.mean(scene.after),
        scene.after - scene.before,
    )
    pad = torch.nn.functional.pad
    return torch.stack([pad(v, (0, NUM_PARAMETERS - v.shape[-1])) for v in vectors], dim=2)


# ------------------------------------------------------------------ fits to demonstrations


_CORE = (
    'x_middle',
    'y_middle',
    'distance_middle',
    'distance_marker',
    'size',
    'brightness',
    'saturation',
    'nearest',
    'distance_start',
    'time',
    'tone_difference_marker',
)
"""Measurements that are ranked within groups, too."""

_RIDGE = 0.02
"""Ridge penalty on fitted directions; keeps them finite for separable demonstrations."""


def _plain_features() -> Features:
    """Return all features without parameters."""
    plain = torch.arange(len(MEASUREMENTS))
    core = torch.tensor([INDEX[name] for name in _CORE])
    measurements, views = [plain], [torch.full_like(plain, VALUE)]
    for rank in (ASCENDING, DESCENDING, MIDDLE):
        measurements.append(plain)
        views.append(torch.full_like(plain, rank_view(rank)))
    for group in range(1, len(GROUPS) - 1):
        for rank in (ASCENDING, DESCENDING):
            measurements.append(core)
            views.append(torch.full_like(core, rank_view(rank, group)))
    where = torch.cat(measurements)
    return Features(where, torch.cat(views), torch.zeros(len(where), NUM_PARAMETERS))


_PLAIN = _plain_features()


def fit_features(scene: SceneBatch) -> Features:
    """Return all features of demonstrations, the fitted ones included.

    Args:
        scene: (M,) demonstrations; entities of `attention` above one half are attended.
    """
    candidates = candidates_of(scene)
    attended = candidates & (scene.attention > 0.5)
    others = candidates & ~attended
    sources = _sources(scene)
    rows = []
    if attended.any():
        centre = sources[attended].median(dim=0).values
        for kind, fitted in enumerate(FITTED):
            if not fitted.is_direction and not centre[fitted.source].isnan().any():
                rows.append((len(MEASUREMENTS) + kind, VALUE, centre[fitted.source]))
        tone = centre[TONE]
        for name in _CORE:
            for rank in (ASCENDING, DESCENDING):
                rows.append((INDEX[name], rank_view(rank, len(GROUPS) - 1), tone))
    if attended.any() and others.any():
        rows += _fit_directions(sources, attended, others)
    if not rows:
        return _PLAIN
    numbers = torch.tensor([row[:2] for row in rows])
    return Features(
        torch.cat([_PLAIN.measurements, numbers[:, 0]]),
        torch.cat([_PLAIN.views, numbers[:, 1]]),
        torch.cat([_PLAIN.parameters, torch.stack([row[2] for row in rows])]),
    )


def _fit_directions(
    sources: torch.Tensor, attended: torch.Tensor, others: torch.Tensor
) -> list[tuple[int, int, torch.Tensor]]:
    """Return measurement, view and direction that tell attended entities from others."""
    row, first, second = (attended.unsqueeze(2) & others.unsqueeze(1)).nonzero(as_tuple=True)
    has_marker = not sources[..., OFFSET, 0].isnan().any()
    label = torch.cat(
        [sources.new_ones(int(attended.sum())), -sources.new_ones(int(others.sum()))]
    )
    found, designs = [], []
    for kind, fitted in enumerate(FITTED):
        is_relative = 'marker' in fitted.measurement.about
        if not fitted.is_direction or (is_relative and not has_marker):
            continue
        vectors = sources[:, :, fitted.source]
        points = torch.cat([vectors[attended], -vectors[others]])
        found.append((len(MEASUREMENTS) + kind, VALUE))
        # A difference to the marker's has zero as its bound, and so have differences of pairs.
        offset = torch.zeros_like(label) if is_relative else label
        designs.append(torch.cat([points, offset.unsqueeze(-1)], dim=-1))
        if not is_relative and len(row):
            apart = vectors[row, first] - vectors[row, second]
            found.append((len(MEASUREMENTS) + kind, rank_view(DESCENDING)))
            designs.append(torch.nn.functional.pad(apart, (0, 1)))
    directions = _directions(torch.nn.utils.rnn.pad_sequence(designs, batch_first=True))
    return [(*feature, direction) for feature, direction in zip(found, directions)]


def _directions(design: torch.Tensor) -> torch.Tensor:
    """Return unit directions (D, 4) of logistic fits that make points positive.

    Args:
        design: (D, n, 5) points, negated where they belong to the other side, and the coefficient
            of the intercept: the side, or 0 for none. Rows of zeros do not count.
    """
    width = design.shape[-1]
    ridge = torch.full((width,), _RIDGE, dtype=design.dtype, device=design.device)
    ridge[-1] /= 20
    weight = design.new_zeros(len(design), width, 1)
    for _ in range(8):
        share = torch.sigmoid(-design @ weight)
        gradient = ridge.unsqueeze(-1) * weight - design.mT @ share
        curvature = (design * share * (1 - share)).mT @ design + ridge.diag()
        step = torch.linalg.solve(curvature, gradient)
        weight = weight - step * (5.0 / step.norm(dim=1, keepdim=True).clamp(min=5.0))
    direction = weight[:, :NUM_PARAMETERS, 0]
    return direction / direction.norm(dim=-1, keepdim=True).clamp(min=1e-9)
