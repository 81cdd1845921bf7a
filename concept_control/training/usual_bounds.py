"""Learn which bounds are usual: "near", "left of" and their like are meant by many, just so.

Bounds that a family's concept keeps to, seen in many scenes, are proposed; how often each is meant
is fitted to demonstrations of other concepts and scenes by expectation maximisation of

    sum_tasks log(p_generic evidence_generic + sum_r p_r evidence_r + sum_h p_h / mass_h^M),

in which what is proposed competes with bounds on any measurement under the prior of places, with
exact places and each kind r of regions of the table, whose odds are learned with it, and with all
others. What explains only the concept that proposed it does not remain. Nobody means one side more
often than another: what is proposed to one side is proposed, as one, to all four.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.agreement.evidence import Background
from concept_control.energy.agreement.inference import shows_place
from concept_control.energy.agreement.place_prior import MOST_ATTENDED, PlacePrior
from concept_control.energy.agreement.placing import PlacingInference
from concept_control.energy.agreement.points import best_point
from concept_control.energy.agreement.regions import KINDS
from concept_control.energy.agreement.scorer import CARD_FILE, RuleScorer, load_scorer
from concept_control.energy.agreement.usual_bounds import UsualBounds
from concept_control.energy.measurements.measurement import SHIFT
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.vocabulary import measurement_named
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.model_files import read_card
from concept_control.training.rule_prior import families_of_places

_SCENES = 200
_BACKGROUND = 6000
_SHOTS = 10
"""Demonstrations that say what is meant. Of five a half of the table is hardly told from a
half-plane somewhere; how often it is meant does not depend on how many show it."""
_MOST_MASS = 0.5
_EXACT = 0.05
"""Width below which bounds are exact, in standard deviations: who shows it says it at once."""

_MOST_PROPOSED = 12
_SAME = 1.3
"""Factor of the mass up to which bounds on one side say the same as bounds on both."""

_VOCABULARY = 1.0
"""Tasks of unknown words for each task of a family: those keep to no usual bounds."""

_ROUNDS = 100
_COST = 1.0
"""Tasks that bounds must explain beyond what is left without them (minimum message length;
Figueiredo and Jain, "Unsupervised learning of finite mixture models", 2002)."""


_GENERIC, _REGIONS = 0, slice(2, 2 + len(KINDS))
_OTHERS = 2 + len(KINDS)
"""Number of what may be meant beside usual bounds: bounds on any measurement, an exact place, and
each kind of region of the table."""


_TURNS = range(0, 360, 90)
_SIDED = re.compile(r'(?P<what>.*: (?:(?P<is_angle>angle)|off way) )(?P<degrees>\d+)')
"""Names of measurements to a side, by its direction."""

_FACES = ('left edge', 'lower edge', 'right edge', 'upper edge')
"""Faces, in the order of right angles; the coordinates of the last two are turned about."""


class _Proposal(NamedTuple):
    name: str
    lower: float
    upper: float
    side: float

    @property
    def turned(self) -> list[_Proposal]:
        """The bounds to all four sides; the bounds alone where they are to no side."""
        what, _, face = self.name.rpartition(': ')
        if face in _FACES:
            near = self.turned_about if _FACES.index(face) > 1 else self
            every = (near, near, near.turned_about, near.turned_about)
            return [one._replace(name=f'{what}: {face}') for one, face in zip(every, _FACES)]
        found = _SIDED.fullmatch(self.name)
        if found is None:
            return [self]
        first = int(found['degrees'])
        return [self._replace(name=f'{found["what"]}{(first + turn) % 360}') for turn in _TURNS]

    @property
    def turned_about(self) -> _Proposal:
        """The same bounds on minus the measurement."""
        return self._replace(lower=-self.upper, upper=-self.lower, side=-self.side)

    @property
    def to_first_side(self) -> _Proposal:
        """The first of the turned bounds, a direction told from its middle."""
        found = _SIDED.fullmatch(self.name)
        if found is None:
            return self.turned[0]
        first, lower, upper = int(found['degrees']), self.lower, self.upper
        if found['is_angle']:
            shift = 45 * round(math.degrees(lower + upper) / 90)
            first, lower, upper = (
                first + shift, lower - math.radians(shift), upper - math.radians(shift),
            )  # fmt: skip
        return _Proposal(f'{found["what"]}{first % 90}', lower, upper, self.side)


def train_usual_bounds(
    folder: str | Path, families: Mapping[str, Family], seed: int
) -> tuple[RuleScorer, dict[str, Any]]:
    """Learn the usual bounds of the priors in a folder; return them and the facts of their card.

    Args:
        folder: Folder of the model.
        families: Families by name; those that are trained on are chosen from them.
        seed: Seed of concepts and scenes.

    Raises:
        ModelError: if there are no priors.
    """
    scorer, card = load_scorer(folder), read_card(Path(folder) / CARD_FILE)
    rng = np.random.default_rng([seed, 4])
    learned = fit_usual_bounds(scorer.places, families_of_places(families, rng), rng)
    facts: dict[str, Any] = {
        name: card[name] for name in ('training', 'families', 'metrics') if name in card
    }
    facts['metrics'] = {**facts.get('metrics', {}), **learned}
    return scorer, facts


@torch.no_grad()
def fit_usual_bounds(
    prior: PlacePrior,
    families: Mapping[str, Family],
    rng: np.random.Generator,
    proposing: int = 24,
    explained: int = 48,
) -> dict[str, int]:
    """Learn the usual bounds of a prior, and its odds of regions; return metrics of its card.

    Args:
        prior: Prior of places, already fitted.
        families: Families that say where one thing goes.
        rng: Random generator of concepts and scenes.
        proposing: Number of concepts of each family that propose bounds.
        explained: Number of other concepts of each that say how often bounds are meant.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    prior.forget_usual()
    proposals: dict[int, list[_Proposal]] = {}
    tasks: dict[int, list[PlacingInference]] = {}
    for family in tqdm(families.values(), desc='usual bounds'):
        for shown in _draw(family, proposing, _SCENES, rng):
            inference = PlacingInference(shown, generator, prior, _BACKGROUND)
            proposals.setdefault(_attended(inference), []).extend(_propose(inference))
        for shown in _draw(family, explained, _SHOTS, rng):
            inference = PlacingInference(shown, generator, prior)
            tasks.setdefault(_attended(inference), []).append(inference)
    found = []
    for attended, inferences in tasks.items():
        proposed = _merged(proposals.get(attended, []))
        prior.regions[attended], usual = _fit(prior, proposed, inferences, attended)
        for bounds, odds in usual:
            turned = bounds.turned
            each = odds - math.log(len(turned))
            found += [(one.name, attended, (*one[1:], each)) for one in turned]
    prior.set_usual(found)
    return {'usual_bounds': len(found), 'usual_tasks': sum(map(len, tasks.values()))}


def _draw(family: Family, number: int, count: int, rng: np.random.Generator) -> list[SceneBatch]:
    """Return `count` demonstrations each of concepts that say where one thing goes."""
    params = family.sample_concepts(rng, number)
    scenes = scene_batch_from_events(family.sample(rng, params, count))
    return [scene for scene in scenes.split(count) if shows_place(scene)]


def _attended(inference: PlacingInference) -> int:
    return min(int(inference.count.min()), MOST_ATTENDED)


def _propose(inference: PlacingInference) -> list[_Proposal]:
    """Return the narrowest bounds that many scenes of one concept keep to."""
    values, background = inference.values, inference.background
    weights = torch.full((len(background),), 1 / len(background))
    ordered = Background(background, weights)
    lower, upper = values.amin(dim=0), values.amax(dim=0)
    width = upper - lower
    mass, above, below = (
        ordered.mass(lower, upper),
        ordered.mass(lower),
        ordered.mass(torch.full_like(lower, -torch.inf), upper),
    )
    side = torch.where(above < _SAME * mass, 1.0, torch.where(below < _SAME * mass, -1.0, 0.0))
    # Frames of the table and the robot cut off what is seldom shown there: "far" is no ray. Where
    # nothing is attended, there are no others.
    is_alone = not _attended(inference)
    is_anywhere = torch.tensor([is_alone or SHIFT in m.keeps for m in inference.measurements])
    is_usable = is_anywhere & (width > _EXACT * ordered.deviation) & (ordered.deviation > 1e-4)
    (rows,) = torch.nonzero(is_usable & (mass < _MOST_MASS), as_tuple=True)
    # Rounding must not choose between measurements that are the same here.
    rows = rows[mass[rows].round(decimals=4).argsort(stable=True)[:_MOST_PROPOSED]]
    columns = (each[rows].tolist() for each in (lower, upper, side))
    names = [inference.measurements[i].name for i in rows.tolist()]
    return [_Proposal(*each).to_first_side for each in zip(names, *columns)]


def _merged(proposed: list[_Proposal]) -> list[_Proposal]:
    """Return what is proposed more than once, those that are nearly the same as one."""
    found: list[_Proposal] = []
    times: list[int] = []
    for one in proposed:
        close = 0.05 * (one.upper - one.lower)
        for row, other in enumerate(found):
            is_same = (one.name, one.side) == (other.name, other.side)
            ends = abs(one.lower - other.lower), abs(one.upper - other.upper)
            if is_same and max(ends) < close:
                lower, upper = min(one.lower, other.lower), max(one.upper, other.upper)
                found[row] = other._replace(lower=lower, upper=upper)
                times[row] += 1
                break
        else:
            found.append(one)
            times.append(1)
    return [one for one, number in zip(found, times) if number > 1]


def _fit(
    prior: PlacePrior, proposed: list[_Proposal], tasks: list[PlacingInference], attended: int
) -> tuple[torch.Tensor, list[tuple[_Proposal, float]]]:
    """Return the log odds (5,) of regions, and the bounds that several tasks mean with theirs."""
    logs = torch.stack([_log_evidence(proposed, task) for task in tasks])
    odds = prior([measurement_named(p.name) for p in proposed], has_attended=attended > 0)
    kept: list[int] = []
    for i in odds.argsort(descending=True, stable=True).tolist():
        # Of measurements that say the same of all tasks the commonest remains.
        same = (logs[:, _OTHERS + i, None] - logs[:, [_OTHERS + j for j in kept]]).nan_to_num(0.0)
        if bool((same.abs().amax(dim=0) > 0.3).all()):
            kept.append(i)
    proposed = [proposed[i] for i in kept]
    logs = logs[:, [*range(_OTHERS), *(_OTHERS + i for i in kept)]]
    total = torch.stack([task.prior.logsumexp(dim=0) for task in tasks]).mean()
    # Unknown words are as they were thought to be before.
    before = torch.full((logs.shape[1],), -torch.inf)
    before[_GENERIC], before[_REGIONS] = total, prior.region_odds(attended)
    unknown = _VOCABULARY * len(tasks) * before.softmax(dim=0)
    share = torch.full((logs.shape[1],), 1 / logs.shape[1])
    for number in range(_ROUNDS):
        meant = torch.softmax(logs + share.log(), dim=1).sum(dim=0) + unknown
        if number >= _ROUNDS / 2:
            meant[_OTHERS:] = (meant[_OTHERS:] - _COST).clamp(min=0.0)
        share = meant / meant.sum()
    found = total + (share / share[_GENERIC]).log()
    usual = [(bounds, o) for bounds, o in zip(proposed, found[_OTHERS:].tolist()) if o > -math.inf]
    return found[_REGIONS], usual


def _log_evidence(proposed: list[_Proposal], task: PlacingInference) -> torch.Tensor:
    """Return the log evidence of what others may mean (`_OTHERS`) and of what is proposed.

    Bounds to one side are to any of the four.
    """
    search, _ = task.search()
    generic = torch.logsumexp(search.odds, dim=0) - task.prior.logsumexp(dim=0)
    place = {measurement.name: index for index, measurement in enumerate(task.measurements)}
    sides = [(row, one) for row, proposal in enumerate(proposed) for one in proposal.turned]
    known = [one for _, one in sides if one.name in place]
    rows = torch.tensor([row for row, one in sides if one.name in place], dtype=torch.long)
    lower, upper, side = torch.tensor([p[1:] for p in known]).reshape(-1, 3).T
    index = torch.tensor([place[p.name] for p in known], dtype=torch.long)
    weights = torch.full((len(task.background),), 1 / len(task.background))
    bounds = UsualBounds(index, lower, upper, side, odds=torch.zeros(len(index)))
    each = bounds.log_evidence(task.values, Background(task.background, weights)).double().exp()
    total = torch.zeros(len(proposed), dtype=each.dtype).index_add(0, rows, each)
    number = torch.tensor([len(proposal.turned) for proposal in proposed])
    found = (total / number).log().float()
    exact = best_point(SceneView(task.scene), int(task.count.min())).log_odds
    regions = task.regions.evidence().log_evidence.logsumexp(dim=1)
    return torch.cat([generic[None], generic.new_tensor([exact]), regions, found])
