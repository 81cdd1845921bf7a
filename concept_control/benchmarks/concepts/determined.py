"""Does one demonstration determine what is asked for? Decided by predicates, not by the energy.

The concepts that could have been shown are drawn from all families, as many of each, and the true
one is among them. Those whose predicate holds in the demonstration are left, a priori as likely as
their family, and the likelier the less else they allow in the demonstrated scene (the size
principle, with sizes counted by predicates). A new scene is *determined* where one outcome, or one
mask, satisfies the true concept and 95 % of what is left. Candidates are places all over the
table, what was shown put over to the new scene, and the outcome that the new scene was drawn with;
or all masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from concept_control.concepts.family import Family
from concept_control.energy.agreement.elsewhere import with_places
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.search.lowest_place import scattered_grid
from concept_control.training.report import Trial
from concept_control.world.events import Events

AGREED = 0.95
"""Share of the weight that one outcome has to satisfy."""

CONCEPTS = 150
"""Concepts that are drawn from each family."""

_MOST_LEFT = 80
_SIDE = 14
_MOVED = 1e-3


class _Kind(NamedTuple):
    """What a demonstration shows, whatever its concept: who acts, who is meant, what moves."""

    acts: bool
    moves: bool
    others_move: bool
    means: bool
    means_subjects: bool


def _kind(event: Events) -> _Kind:
    present = event.present[0]
    acts, meant = event.subjects[0] & present, (event.attention[0] > 0.5) & present
    moved = (event.positions[0, -1] - event.positions[0, 0]).norm(dim=-1) > _MOVED
    found = acts, acts & moved, moved & present & ~acts, meant, acts & meant
    return _Kind(*(bool(mask.any()) for mask in found))


class Pool:
    """Concepts that could have been shown.

    Args:
        families: All families by name.
        seed: Seed of the concepts.
    """

    def __init__(self, families: Mapping[str, Family], seed: int) -> None:
        self.families = dict(families)
        self.params: dict[str, np.ndarray] = {}
        self.kinds: dict[str, set[_Kind]] = {}
        for name, family in families.items():
            rng = np.random.default_rng([seed, *name.encode()])
            self.params[name] = family.sample_concepts(rng, CONCEPTS)
            shown = family.sample(rng, self.params[name][:20], 1)
            self.kinds[name] = {_kind(shown[i]) for i in range(len(shown))}


class Hypotheses:
    """Concepts that one demonstration leaves, with weights.

    Args:
        pool: Concepts that could have been shown.
        name: Family of the true concept.
        true: (P,) its parameters.
        shown: The demonstration, one event.
    """

    def __init__(self, pool: Pool, name: str, true: np.ndarray, shown: Events) -> None:
        self._families, self._true, self._shown = pool.families, (name, true), shown
        self._kind = kind = _kind(shown)
        found: list[tuple[str, np.ndarray]] = []
        weights: list[float] = []
        for other, family in pool.families.items():
            params = pool.params[other]
            if other == name:
                params = np.concatenate([params, true[None]])
            if kind in pool.kinds[other] or other == name:
                holds = _holds(family, shown.repeat(len(params)), params)
                found += [(other, row) for row in params[holds]]
                weights += [1 / len(params)] * int(holds.sum())
        prior = np.array(weights) / sum(weights)
        if len(found) > _MOST_LEFT:
            rng = np.random.default_rng(len(found))
            chosen = rng.choice(len(found), _MOST_LEFT, replace=False, p=prior)
            found, prior = [found[i] for i in chosen], np.full(_MOST_LEFT, 1 / _MOST_LEFT)
        self._groups = [
            (each, [i for i, (other, _) in enumerate(found) if other == each])
            for each in sorted({other for other, _ in found})
        ]
        self._params = [params for _, params in found]
        is_alone = int(shown.subjects.sum()) == 1
        self._acts_alone = kind.moves and not kind.others_move and is_alone
        self.weights = prior
        if self._acts_alone:
            self.weights = prior / self._satisfied(self.outcomes(shown)).mean(axis=1)
        elif kind.means:
            self.weights = prior / self._satisfied(self.masks(shown)).mean(axis=1)

    def is_determined(self, candidates: Events) -> bool:
        """Tell whether one candidate of a new scene satisfies the truth and nearly all others."""
        satisfied = self._satisfied(candidates)
        name, params = self._true
        is_true = _holds(self._families[name], candidates, params[None])
        # What no candidate satisfies cannot be meant in that scene.
        weights = self.weights * satisfied.any(axis=1)
        return bool(((weights @ satisfied)[is_true] >= AGREED * weights.sum()).any())

    def outcomes(self, scene: Events) -> Events:
        """Return the candidate outcomes of one scene (G,), that which it was drawn with first."""
        batch, shown = scene_batch_from_events(scene), scene_batch_from_events(self._shown)
        if not self._acts_alone:
            same = int(scene.subjects.sum()) == int(self._shown.subjects.sum())
            after = batch.after.repeat(2 if same else 1, 1, 1)
            if same:
                after[1, scene.subjects[0]] = shown.after[0, self._shown.subjects[0]]
            return scene.repeat(len(after)).with_outcome(after)
        old, new = SceneView(shown), SceneView(batch)
        anchors = ('start', 'attended') if self._kind.means else ('start',)
        known = [new.place, old.place, *(new.anchor(a) + old.offset(a) for a in anchors)]
        grid = scattered_grid(1, _SIDE, torch.Generator().manual_seed(0))[0]
        places = torch.cat([*known, grid])
        places = places[(places.abs() <= 1).all(dim=-1)]
        return scene.repeat(len(places)).with_outcome(with_places(batch, places[None]).after)

    def masks(self, scene: Events) -> Events:
        """Return one scene with every mask that could be meant (G,)."""
        may_be_meant = scene.present[0]
        if not self._kind.means_subjects:
            may_be_meant = may_be_meant & ~scene.subjects[0]
        masks = candidate_masks(may_be_meant)
        return replace(scene.repeat(len(masks)), attention=masks)

    def _satisfied(self, candidates: Events) -> np.ndarray:
        """Return which candidates (H, G) satisfy which concepts."""
        found = np.zeros((len(self._params), len(candidates)), dtype=bool)
        every = np.arange(len(candidates))
        for name, members in self._groups:
            rows = candidates[torch.from_numpy(np.tile(every, len(members)))]
            params = np.stack([self._params[i] for i in members])
            found[members] = _holds(self._families[name], rows, params).reshape(len(members), -1)
        return found


def _holds(family: Family, events: Events, params: np.ndarray) -> np.ndarray:
    with np.errstate(all='ignore'):
        return np.asarray(family.holds(events, params), dtype=bool)


def determined(pool: Pool, family: Family, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Return where outcomes (C, S) and masks (C, S) are determined by one demonstration each."""
    scenes = len(trial.tests) // len(trial.params)
    found = np.zeros((2, len(trial.params), scenes), dtype=bool)
    for concept, true in enumerate(trial.params):
        left = Hypotheses(pool, family.name, true, trial.demonstrations[concept])
        asked: list[tuple[bool, Callable[[Events], Events]]] = [
            (family.generates, left.outcomes),
            (family.identifies, left.masks),
        ]
        for scene in range(scenes):
            new = trial.tests[concept * scenes + scene]
            for row, (is_asked, candidates) in enumerate(asked):
                if is_asked:
                    found[row, concept, scene] = left.is_determined(candidates(new))
    return found[0], found[1]
