"""Features of entities that rules bound: measurements, fitted measurements, and ranks of both.

A feature is a measurement seen in one view: its value, or its rank among a group of the entities
that may be meant. Fitted measurements carry parameters found from demonstrations: the distance to
a typical colour or place, or the coordinate along a direction of colour or place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence

from concept_control.energy.measurements.entities import (
    INDEX,
    MEASUREMENTS,
    measure_entities,
)
from concept_control.energy.measurements.entity_measurement import EntityMeasurement, Value
from concept_control.energy.measurements.entity_view import MOVED, TIE, EntityView
from concept_control.energy.measurements.groups import ALIKE
from concept_control.energy.scene_batch import SceneBatch

NUM_PARAMETERS = 4
"""Number of parameters of a fitted measurement or group; those not needed are zero."""


def _fitted(
    name: str,
    label: str,
    about: str,
    width: int,
    value: Value,
    is_direction: bool = False,
    border: float = math.nan,
) -> EntityMeasurement:
    flags = frozenset(f'{about} fitted'.split())
    return EntityMeasurement(
        name, label, value, flags, border=border, width=width, is_direction=is_direction
    )  # fmt: skip


FITTED = (
    _fitted('near_tone', 'difference to the colour {}', 'colour', 4, lambda v: v.tones,
            border=ALIKE),
    _fitted('near_chroma', 'difference to the hue {}', 'colour', 3, lambda v: v.tones[..., :3],
            border=ALIKE),
    _fitted('near_place', 'distance to {}', 'place', 2, lambda v: v.at),
    _fitted('near_offset', 'distance to {} from the marker', 'place marker', 2,
            lambda v: v.from_marker(v.at)),
    _fitted('near_motion', 'difference to the motion {}', 'motion', 2, lambda v: v.step),
    _fitted('mix', 'mix {} of red, green and blue', 'colour signed', 3, lambda v: v.scene.colors,
            is_direction=True),
    _fitted('mix_marker', "mix {} of red, green and blue minus the marker's",
            'colour marker signed', 3, lambda v: v.from_marker(v.scene.colors),
            is_direction=True),
    _fitted('side', 'coordinate along {}', 'place', 2, lambda v: v.at, is_direction=True),
    _fitted('side_marker', 'coordinate along {} from the marker', 'place marker signed', 2,
            lambda v: v.from_marker(v.at), is_direction=True),
)  # fmt: skip
"""Fitted measurements; they follow `MEASUREMENTS` in the order of all."""

ALL_MEASUREMENTS = (*MEASUREMENTS, *FITTED)
"""Measurements by the index that features use."""

ALL_INDEX = {measurement.name: index for index, measurement in enumerate(ALL_MEASUREMENTS)}
"""Index of each measurement, fitted ones included, by its name."""

_ABOUT_MOTION = torch.tensor([bool({'motion', 'before'} & m.about) for m in ALL_MEASUREMENTS])

GROUPS = (
    ('all', 'all', ''),
    ('moved', 'those that moved', 'motion'),
    ('stayed', 'those that did not move', 'motion'),
    ('like_marker', "those of the marker's colour", 'marker colour'),
    ('unlike_marker', "those of another colour than the marker's", 'marker colour'),
    ('left', 'those on the left half of the table', 'axis'),
    ('right', 'those on the right half of the table', 'axis'),
    ('front', 'those on the front half of the table', 'axis'),
    ('back', 'those on the back half of the table', 'axis'),
    ('kin', 'those of its colour', 'peers colour'),
    ('like_attended', 'those of the colour {}', 'colour'),
)
"""Groups in which entities are ranked, their words and flags; the last one is fitted (a tone)."""

_KIN = [name for name, *_ in GROUPS].index('kin')

RANKS = ('ascending', 'descending', 'middle', 'outer')
ASCENDING, DESCENDING, MIDDLE, OUTER = range(4)
"""Ranks: number of lower ones; of higher ones; difference of the two; the smaller of the two."""

VALUE = 0
"""View that is the value itself; view 1 + 4 * group + rank is a rank."""

VIEWS = (
    'value',
    *(f'{rank}_{group}' for group, *_ in GROUPS for rank in RANKS),
)
"""Stable names of the views."""


def rank_view(rank: int, group: int = 0) -> int:
    """Return the view that ranks within a group."""
    return 1 + len(RANKS) * group + rank


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

    @classmethod
    def of(cls, rows: list[tuple[int, int, torch.Tensor]]) -> Features:
        """Return features from measurement, view and parameters (4,) of each."""
        numbers = torch.tensor([row[:2] for row in rows], dtype=torch.int64).reshape(-1, 2)
        parameters = torch.cat([row[2] for row in rows]) if rows else torch.zeros(0)
        return cls(numbers[:, 0], numbers[:, 1], parameters.reshape(-1, NUM_PARAMETERS))

    def select(self, index: torch.Tensor | slice) -> Features:
        """Return the features that an index picks."""
        return Features(self.measurements[index], self.views[index], self.parameters[index])

    def join(self, *others: Features) -> Features:
        """Return these features and others."""
        every = self, *others
        return Features(
            torch.cat([each.measurements for each in every]),
            torch.cat([each.views for each in every]),
            torch.cat([each.parameters for each in every]),
        )

    def telling(self, scene: SceneBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (R, F) twice: whether each may tell in a scene what no plainer feature does.

        The first says it of ranks: in a group that all are in they tell nothing. The second says
        it of motion: it tells nothing where nothing moves.
        """
        view = EntityView(scene)
        group = (self.views - 1).clamp(min=0) // len(RANKS)
        is_everyone = (self._groups(view, group) | ~view.candidates.unsqueeze(-1)).all(dim=1)
        is_everyone &= (group != _KIN) | (view.alike == view.peers).all(dim=(1, 2)).unsqueeze(-1)
        moves = view.has_moved | (scene.motion[..., 0] > MOVED)
        is_moving = (moves & (scene.present > 0.5)).any(dim=1, keepdim=True)
        return (group == 0) | ~is_everyone, is_moving | ~_ABOUT_MOTION[self.measurements]

    def evaluate(self, scene: SceneBatch) -> torch.Tensor:
        """Return (R, N, F) values; NaN where undefined, as a rank outside its group."""
        view = EntityView(scene)
        values = self._values(view)
        rank = self.views > VALUE
        if rank.any():
            values[..., rank] = self.select(rank)._ranks(view, values[..., rank])
        return values

    def _values(self, view: EntityView) -> torch.Tensor:
        plain = len(MEASUREMENTS)
        needed, index = self.measurements.clamp(max=plain - 1).unique(return_inverse=True)
        values = measure_entities(view, needed.tolist())[..., index]
        for kind, fitted in enumerate(FITTED):
            mine = self.measurements == plain + kind
            if mine.any():
                points = self.parameters[mine][:, : fitted.width]
                vectors = fitted.value(view).unsqueeze(2)
                values[..., mine] = (
                    (vectors * points).sum(dim=-1)
                    if fitted.is_direction
                    else (vectors - points).norm(dim=-1)
                )
        return values

    def _ranks(self, view: EntityView, values: torch.Tensor) -> torch.Tensor:
        """Return the ranks (R, N, F) of values (R, N, F) of features that all are ranks."""
        # (R, F, N) with the entities last: sums over them are contiguous.
        groups = (self.views - 1) // len(RANKS)
        member = self._groups(view, groups).transpose(1, 2)
        values = values.transpose(1, 2)
        mine, theirs = values.unsqueeze(3), values.unsqueeze(2)
        among = member.unsqueeze(2)
        if (groups == _KIN).any():
            is_kin = (groups == _KIN)[:, None, None]
            among = among & (view.alike.unsqueeze(1) | ~is_kin)
        lower = ((theirs < mine - TIE) & among).sum(dim=3)
        higher = ((theirs > mine + TIE) & among).sum(dim=3)
        kind = ((self.views - 1) % len(RANKS)).unsqueeze(1)
        ranks = torch.where(kind == ASCENDING, lower, higher)
        ranks = torch.where(kind == MIDDLE, (lower - higher).abs(), ranks)
        ranks = torch.where(kind == OUTER, torch.minimum(lower, higher), ranks).to(values)
        return ranks.masked_fill(~member | values.isnan(), torch.nan).transpose(1, 2)

    def _groups(self, view: EntityView, groups: torch.Tensor) -> torch.Tensor:
        """Return (R, N, F) membership of the groups (F,)."""
        candidates = view.candidates.unsqueeze(-1)
        if not groups.any():
            return candidates.expand(-1, -1, len(groups))
        moved, off = view.has_moved, view.from_marker(view.tones).norm(dim=-1)
        everyone = torch.ones_like(moved)
        x, y = view.at.unbind(dim=-1)
        halves = (x < 0, x > 0, y < 0, y > 0)
        fixed = torch.stack(
            [everyone, moved, ~moved, off < ALIKE, off >= ALIKE, *halves, everyone, everyone],
            dim=-1,
        )
        away = (view.tones.unsqueeze(2) - self.parameters).norm(dim=-1)
        is_fitted = groups == len(GROUPS) - 1
        return torch.where(is_fitted, away < ALIKE, fixed[..., groups]) & candidates


# ------------------------------------------------------------------ fits to demonstrations


CORE = (
    'x_middle',
    'y_middle',
    'distance_middle',
    'distance_marker',
    'size',
    'brightness',
    'distance_robot',
    'nearest',
    'distance_start',
    'time',
    'tone_difference_marker',
)
"""Measurements that are ranked within groups, too."""

_RIDGE = 0.02
"""Ridge penalty on fitted directions; keeps them finite for separable demonstrations."""


def _core_ranks(
    group: int, parameters: torch.Tensor, ranks: tuple[int, ...] = (ASCENDING, DESCENDING)
) -> list[tuple[int, int, torch.Tensor]]:
    return [(INDEX[name], rank_view(r, group), parameters) for r in ranks for name in CORE]


def _plain_features() -> Features:
    """Return all features without parameters."""
    none = torch.zeros(NUM_PARAMETERS)
    views = (VALUE, rank_view(ASCENDING), rank_view(DESCENDING))
    rows = [(index, view, none) for view in views for index in range(len(MEASUREMENTS))]
    rows += _core_ranks(0, none, (MIDDLE, OUTER))
    for group in range(1, len(GROUPS) - 1):
        rows += _core_ranks(group, none)
    return Features.of(rows)


PLAIN = _plain_features()
"""All features without parameters: their values depend on no other demonstration."""


def fit_features(scene: SceneBatch, sets: Sequence[torch.Tensor]) -> list[Features]:
    """Return the features that are fitted to each of several sets of demonstrations.

    Args:
        scene: (M,) demonstrations; entities of `attention` above one half are attended.
        sets: (M,) bool each, demonstrations of a set.
    """
    view = EntityView(scene)
    is_meant = scene.attention > 0.5
    vectors = [fitted.value(view) for fitted in FITTED]
    found: list[list[tuple[int, int, torch.Tensor]]] = []
    directions: list[tuple[int, int, int, torch.Tensor]] = []
    for number, chosen in enumerate(sets):
        candidates = view.candidates & chosen.unsqueeze(-1)
        attended, others = candidates & is_meant, candidates & ~is_meant
        rows: list[tuple[int, int, torch.Tensor]] = []
        found.append(rows)
        if not attended.any():
            continue
        for kind, fitted in enumerate(FITTED):
            if not fitted.is_direction:
                centres = [vectors[kind][attended].median(dim=0).values]
                if fitted.border > 0:
                    centres += _excepted(vectors[kind][attended], vectors[kind][others])
                for centre in centres:
                    if not centre.isnan().any():
                        rows.append((len(MEASUREMENTS) + kind, VALUE, _padded(centre)))
        rows += _core_ranks(len(GROUPS) - 1, view.tones[attended].median(dim=0).values)
        if others.any():
            told = [each[chosen] for each in vectors]
            for feature in _directions_to_fit(told, attended[chosen], others[chosen]):
                directions.append((number, *feature))
    if directions:
        # Those of all sets are fitted at once.
        fits = _directions(pad_sequence([each[-1] for each in directions], batch_first=True))
        for (number, kind, which, _), direction in zip(directions, fits):
            found[number].append((kind, which, direction))
    return [Features.of(rows) for rows in found]


def _excepted(attended: torch.Tensor, others: torch.Tensor) -> list[torch.Tensor]:
    """Return the colour of most of the others (n, D) that none of the attended (m, D) has."""
    is_free = (torch.cdist(others, attended) > ALIKE).all(dim=-1)
    if not is_free.any():
        return []
    number = (torch.cdist(others, others) < ALIKE).sum(dim=-1) * is_free
    return [others[number.argmax()]]


def _padded(parameters: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(parameters, (0, NUM_PARAMETERS - len(parameters)))


def _directions_to_fit(
    vectors: Sequence[torch.Tensor], attended: torch.Tensor, others: torch.Tensor
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield measurement, view and design (n, 5) of what tells attended from others (M, N)."""
    row, first, second = (attended.unsqueeze(2) & others.unsqueeze(1)).nonzero(as_tuple=True)
    label = torch.cat(
        [
            vectors[0].new_ones(int(attended.sum())),
            -vectors[0].new_ones(int(others.sum())),
        ]
    )
    for kind, (fitted, values) in enumerate(zip(FITTED, vectors)):
        if not fitted.is_direction or values.isnan().any():
            continue
        is_relative = 'marker' in fitted.about
        each = torch.nn.functional.pad(values, (0, NUM_PARAMETERS - fitted.width))
        points = torch.cat([each[attended], -each[others]])
        # A difference to the marker's has zero as its bound, and so have differences of pairs.
        offset = torch.zeros_like(label) if is_relative else label
        yield len(MEASUREMENTS) + kind, VALUE, torch.cat([points, offset.unsqueeze(-1)], dim=-1)
        if not is_relative and len(row):
            apart = each[row, first] - each[row, second]
            design = torch.nn.functional.pad(apart, (0, 1))
            yield len(MEASUREMENTS) + kind, rank_view(DESCENDING), design


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
