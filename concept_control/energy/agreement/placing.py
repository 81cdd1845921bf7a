"""Agreement about where one subject goes: inference from demonstrations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from concept_control.energy.agreement.bounds import KEPT, NEXT, TIE, Bounds
from concept_control.energy.agreement.conjunction import BoundSearch
from concept_control.energy.agreement.elsewhere import (
    PossiblePlaces,
    Redrawing,
    at_places,
    on_lattice,
    on_others,
    overlaps,
)
from concept_control.energy.agreement.lattice import Lattice
from concept_control.energy.agreement.place_prior import PlacePrior
from concept_control.energy.agreement.points import PointHypothesis, best_point, points_as_shown
from concept_control.energy.agreement.rearranging import rearranged
from concept_control.energy.agreement.regions import REGIONS, Regions
from concept_control.energy.measurements.company import COLORS, COMPANY, has_company
from concept_control.energy.measurements.fitted import DIRECTION, Fitted
from concept_control.energy.measurements.heights import HEIGHT, PILE, WITHIN
from concept_control.energy.measurements.measurement import (
    COUNT,
    LENGTH,
    WORKSPACE_LENGTH,
    Measurement,
    evaluate,
)
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.sets import SET_TOPICS, is_form
from concept_control.energy.measurements.vocabulary import measurement_named
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import scattered_grid

_AT_ONCE = 512
"""Scenes whose bounds are judged at a time, so that what lies between stays in the cache."""

_OF_OTHERS = ('rank', 'others', COMPANY, COLORS)
_CROWDED = 0.75
"""Share of places that overlap something from which on distances to all others say nothing: bodies
that fill the table keep them, whatever is meant."""

_BACKGROUND = 2000
_FEWEST_FOR_DIRECTIONS = 3
_LEAST_READING = 0.001
_LIKELY_READING = 0.02
"""Weight from which on a fitted reading is kept, and the same relative to the likeliest."""

_POINT_SCALE = 0.01
"""Distance to a point, beside its noise, at which plausibility drops [workspace units]."""


@dataclass(frozen=True)
class Agreement:
    """What one half of a code says: bounds on measurements.

    Attributes:
        specs: Measurement of each bound: its name in the vocabulary, or a fitted one.
        bounds: Bounds, in the same order.
        count: Fewest and most attended in the demonstrations.
        score: Log evidence that anything is agreed on.
        support: Log odds of the likeliest of the bounds.
    """

    specs: tuple[str | Fitted, ...]
    bounds: Bounds
    count: tuple[int, int]
    score: float
    support: float = 0.0

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """The measurement of each bound."""
        return tuple(
            spec.measurement() if isinstance(spec, Fitted) else measurement_named(spec)
            for spec in self.specs
        )

    @cached_property
    def reads_heights(self) -> bool:
        """Whether any bound is on how high things stand."""
        return any(each.topic in (HEIGHT, PILE) for each in self.measurements)

    @cached_property
    def units(self) -> torch.Tensor:
        """(B,) workspace length that each measurement's unit stands for."""
        return torch.tensor([WORKSPACE_LENGTH[each.unit] for each in self.measurements])

    @cached_property
    def needs(self) -> tuple[torch.Tensor, torch.Tensor, list[bool]]:
        """(B,) fewest things of each measurement, whether of the whole set, whether a form."""
        needs = torch.tensor([each.needs for each in self.measurements])
        of_set = torch.tensor([each.topic in SET_TOPICS for each in self.measurements])
        return needs, of_set, [is_form(each) for each in self.measurements]

    @property
    def of_number(self) -> torch.Tensor:
        """(B,) bool, bounds on a form that say nothing of more or fewer things than were shown.

        What forms of other numbers can share is zero: equal distances, no width, even turns.
        """
        lower, upper = self.bounds.lower, self.bounds.upper
        return torch.tensor(self.needs[2], device=lower.device).bool() & (lower != -upper)

    def values(self, view: SceneView) -> torch.Tensor:
        """Return the measurements (R, B) of the bounds; far out where there are too few things."""
        if not self.measurements:
            return view.place[:, :0]
        found = evaluate(self.measurements, view).T
        needs, of_set, of_form = self.needs
        count = torch.where(of_set.unsqueeze(-1), view.meant.sum(dim=-1), view.count)
        enough = needs.to(found).unsqueeze(-1) <= count + 1e-3
        far = self.bounds.upper + 5 * (self.bounds.upper - self.bounds.lower + 0.5)
        found = torch.where(enough, found, far.to(found).unsqueeze(-1)).T
        if not any(of_form):
            return found
        number = view.meant.sum(dim=-1, keepdim=True)
        # What says nothing of so many things is within its bounds.
        is_other = (number < self.count[0] - 0.5) | (number > self.count[1] + 0.5)
        return torch.where(is_other & self.of_number, self.bounds.lower.to(found), found)

    def select(self, kinds: tuple[int, ...]) -> Agreement:
        """Return some kinds of clauses alone."""
        rows = torch.nonzero(torch.isin(self.bounds.kind, torch.tensor(kinds))[self.bounds.clause])
        specs = tuple(self.specs[i] for i in rows[:, 0].tolist())
        return replace(self, specs=specs, bounds=self.bounds.select(kinds))

    @cached_property
    def without_ties(self) -> Agreement:
        """What is certain and what is doubted; ties repeat, bound by bound, what these say."""
        return self.select((KEPT, NEXT))

    def pick(self, rows: torch.Tensor) -> Agreement:
        """Return some of the bounds, by number."""
        specs = tuple(self.specs[i] for i in rows.tolist())
        return replace(self, specs=specs, bounds=self.bounds.pick(rows))

    def energy(self, view: SceneView) -> torch.Tensor:
        """Return the energies (R,) in nats."""
        return torch.cat([*map(self.bounds.energy, self.values(view).split(_AT_ONCE))])

    def residual(self, view: SceneView) -> torch.Tensor:
        """Return the residuals (R, 2 B) of the bounds, workspace units: zero within all of them.

        Their square is the expected one: a bound that may not be there, or may be zero, counts by
        its probability, and the readings of a clause by their weights.
        """
        bounds, values = self.bounds, self.values(view)
        below, above = bounds.excess(values)
        side = bounds.sign.to(values)
        wrong = (-values * side.sign()).clamp(min=0.0)
        asked, share = bounds.weight.to(values), side.abs()
        low, high = 1 - bounds.open_lower.to(values), 1 - bounds.open_upper.to(values)
        beyond = below * low.sqrt() + above * high.sqrt()
        units = self.units.to(values) * asked.sqrt()
        return torch.cat([beyond * (1 - share).sqrt() * units, wrong * share.sqrt() * units], -1)


class PlacingInference:
    """Inference of a placing from demonstrations.

    Args:
        scene: M demonstrations of one subject each.
        generator: Random generator of the background.
        prior: Prior of relevance of measurements.
        background: Number of background rows.
    """

    def __init__(
        self,
        scene: SceneBatch,
        generator: torch.Generator,
        prior: PlacePrior,
        background: int = _BACKGROUND,
    ) -> None:
        self.scene = scene
        self._generator = generator
        self._view = view = SceneView(scene)
        self.count = view.count
        shots = scene.num_events
        side = max(14, round((background / shots) ** 0.5))
        self._lattice = Lattice.of(scene)
        places = on_lattice(scattered_grid(shots, side, generator), self._lattice)
        self._falls, has_boxes = scene.is_stacked, scene.has_open_boxes
        if self._falls:
            places = on_others(scene, places, generator)
        self._around = at_places(view, places, self._falls)
        fewest = int(self.count.min())
        # Where there were no others, what is measured against them means nothing.
        is_alone = bool((view.others.sum(dim=-1) < 1).any())
        things = self._around.things
        self._is_crowded = is_crowded = (
            not self._falls and float(overlaps(self._around, things).float().mean()) > _CROWDED
        )
        if is_crowded:
            self._around = SceneView(rearranged(scene, background // shots, generator))
        self.measurements = tuple(
            m
            for m in placement_measurements(has_heights=True)
            if m.needs <= fewest
            and has_company(m, view)
            and not (is_alone and m.topic in _OF_OTHERS)
            and not (is_crowded and m.topic in _OF_OTHERS)
            and (m.topic != HEIGHT or (has_boxes if m.name == WITHIN else self._falls))
        )
        with torch.no_grad():
            self.prior = prior(self.measurements, fewest > 0)
            self._usual = prior.usual(self.measurements, fewest)
            self._region_odds = prior.region_odds(fewest)
        self._odds = {m.name: odds for m, odds in zip(self.measurements, self.prior.tolist())}
        self.background = evaluate(self.measurements, self._around)
        self.values = evaluate(self.measurements, view)

    def search(
        self, directions: Sequence[tuple[Fitted, float]] = ()
    ) -> tuple[BoundSearch, Redrawing]:
        """Return the search for bounds, before its first step, and what redraws its background.

        Args:
            directions: Fitted measurements that are tried, too, and their log odds.
        """
        values, background, prior = self.values, self.background, self.prior
        measured = [fitted.measurement() for fitted, _ in directions]
        if measured:
            values = torch.cat([values, evaluate(measured, self._view)], dim=-1)
            # Of the transposes, whose rows lie together.
            background = torch.cat([background.T, evaluate(measured, self._around).T]).T
            prior = torch.cat([prior, torch.tensor([odds for _, odds in directions])])
        everything = (*self.measurements, *measured)
        redrawn = Redrawing(
            self._around,
            everything,
            self._generator,
            PossiblePlaces.of(self._view, self._is_crowded),
            self._falls,
            self._lattice,
        )
        search = BoundSearch(
            values,
            background,
            torch.full((len(background),), 1 / len(background)),
            prior,
            torch.tensor([m.is_signed for m in everything]),
            torch.ones(len(everything), dtype=torch.bool),
            usual=self._usual,
            comes_first=torch.tensor([m.topic == HEIGHT and m.unit == LENGTH for m in everything]),
            is_possible=redrawn.is_possible,
            is_count=torch.tensor([m.unit == COUNT for m in everything]),
            is_direction=torch.tensor(
                [m.heading is not None or ': off way ' in m.name for m in everything]
            ),
        )
        return search, redrawn

    def infer(self) -> Agreement:
        """Return what the demonstrations agree on."""
        view = self._view
        fewest = int(view.count.min())
        point = best_point(view, fewest)
        directions = self._directions(view, fewest)
        search, redrawn = self.search(directions)
        shows_regions = self.scene.num_events > 1
        rival = self._region_log_odds() if shows_regions else -math.inf
        bounds, score, support = search.run(most_tight=2, resampling=redrawn, rival=rival)
        specs: list[str | Fitted] = [m.name for m in self.measurements]
        specs += [fitted for fitted, _ in directions]
        specs += [self.measurements[i].name for i in self._usual.index.tolist()]
        kept = tuple(specs[i] for i in bounds.index.tolist())
        found = Agreement(kept, bounds, (fewest, int(view.count.max())), score, support)
        if point.log_odds > max(score, support, rival, 0.0):
            return _with_point(found, point)
        if shows_regions:
            return self._with_regions(found, search.log_doubt)
        return _with_points(found, points_as_shown(view, fewest), search.log_doubt)

    def _directions(self, view: SceneView, fewest: int) -> list[tuple[Fitted, float]]:
        """Return the directions in which the demonstrated places vary least, with log odds."""
        if len(view.place) < _FEWEST_FOR_DIRECTIONS:
            return []
        found = []
        for anchor in ('table', 'start', 'attended')[: 3 if fewest else 2]:
            offset = view.offset(anchor)
            centred = offset - offset.mean(dim=0)
            normal = torch.linalg.eigh(centred.T @ centred)[1][:, 0]
            along = offset @ normal
            width = max(float(along.amax() - along.amin()), 0.01)
            odds = self._odds[f'{anchor}: x'] - math.log(math.pi / width) - 0.5
            angle = math.atan2(float(normal[1]), float(normal[0]))
            found.append((Fitted(DIRECTION, (anchor,), (angle,)), odds))
        return found

    @cached_property
    def regions(self) -> Regions:
        """The demonstrations and their background in all regions of the table."""
        return Regions(self._view, self._around)

    def _region_log_odds(self) -> float:
        """Return the log odds that any region of the table is what is meant."""
        return float(self.regions.evidence().log_odds(self._region_odds)[0].logsumexp(dim=0))

    def _with_regions(self, found: Agreement, log_doubt: float) -> Agreement:
        """Add readings: discs and rings about unknown places, half-planes of unknown direction.

        Args:
            found: What is agreed on.
            log_doubt: Log odds of all readings so far, and of none.
        """
        weights = torch.softmax(-found.select((KEPT,)).energy(self._around), dim=0)
        if 1 / float(weights.square().sum()) < 25:
            return found
        evidence = self.regions.evidence(weights)
        odds, one_sided = evidence.log_odds(self._region_odds)
        _, lower, upper, deviation, is_upper = evidence
        return _with_readings(
            found,
            REGIONS,
            odds,
            log_doubt,
            lower=lower,
            upper=upper,
            scale=(upper - lower) + 0.02 * deviation,
            open_lower=torch.where(is_upper, one_sided, 0.0),
            open_upper=torch.where(is_upper, 0.0, one_sided),
        )


def _with_readings(
    found: Agreement,
    specs: Sequence[Fitted],
    odds: torch.Tensor,
    log_doubt: float,
    **ends: torch.Tensor,
) -> Agreement:
    """Add readings to what may be meant beside what is certain.

    Args:
        found: What is agreed on.
        specs: Measurements of R readings.
        odds: (R,) their log odds.
        log_doubt: Log odds of all readings so far, and of none.
        ends: (R,) bounds: `lower`, `upper`, `scale`, `open_lower` and `open_upper`.
    """
    total = torch.logaddexp(odds.logsumexp(dim=0), odds.new_tensor(log_doubt))
    share = (odds - total).exp()
    is_likely = (share > _LEAST_READING) & (share > _LIKELY_READING * share.max())
    (best,) = torch.nonzero(is_likely, as_tuple=True)
    zero = torch.zeros(len(best))
    bounds = found.bounds
    (clause,) = torch.nonzero(bounds.kind == NEXT, as_tuple=True)
    rest = torch.where(bounds.clause == clause, (log_doubt - total).exp(), 1.0)
    bounds = replace(bounds, weight=rest * bounds.weight).with_readings(
        int(clause),
        index=best,
        slack=zero + 1,
        sign=zero,
        weight=share[best],
        **{name: each[best] for name, each in ends.items()},
    )
    return replace(found, specs=(*found.specs, *(specs[i] for i in best.tolist())), bounds=bounds)


def _with_points(
    found: Agreement, points: Sequence[PointHypothesis], log_doubt: float
) -> Agreement:
    """Add readings that a place is as it was shown, put over to the scene."""
    zero = torch.zeros(len(points))
    return _with_readings(
        found,
        [point.fitted for point in points],
        torch.tensor([point.log_odds for point in points]),
        log_doubt,
        lower=zero,
        upper=zero,
        scale=torch.tensor([point.noise for point in points]) + _POINT_SCALE,
        open_lower=zero + 1,
        open_upper=zero,
    )


def _with_point(found: Agreement, point: PointHypothesis) -> Agreement:
    """Put an exact place first; what else was agreed on, or may be, follows from it.

    It breaks ties. As doubts, where a thing was before could make the place out of reach.
    """
    bounds = found.bounds
    zero, one = torch.zeros(1), torch.ones(1)
    # On what it stands there, a place does not tell.
    heights = bounds.clause[torch.tensor([m.topic == HEIGHT for m in found.measurements]).bool()]
    was_kept = (bounds.kind == KEPT) & ~torch.isin(torch.arange(len(bounds.kind)), heights)
    doubted = replace(
        bounds,
        relevance=bounds.relevance * torch.where(was_kept, 0.3, 1.0),
        kind=torch.where(was_kept | (bounds.kind == NEXT), TIE, bounds.kind),
        shots=max(bounds.shots, 3),
    )
    with_point = doubted.with_clause(
        0.999,
        1.0,
        KEPT,
        index=torch.zeros(1, dtype=torch.long),
        lower=zero,
        upper=zero,
        scale=(point.noise + _POINT_SCALE) * one,
        slack=one,
        open_lower=one,
        open_upper=zero,
        sign=zero,
        weight=one,
    )
    return replace(
        found,
        specs=(*found.specs, point.fitted),
        bounds=with_point,
        score=point.log_odds,
        support=point.log_odds,
    )
