"""Composition: one subject, one to four concepts at once, judged by all their predicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts import families
from concept_control.concepts.family import Family
from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.goals.solving import solve
from concept_control.energy.model import ConceptModel
from concept_control.reports.intervals import rate
from concept_control.world.events import Events

DEPTHS = (1, 2, 3, 4)

TERM_FAMILIES = (
    'near',
    'far',
    'left_of',
    'right_of',
    'above',
    'below',
    'aligned_x',
    'aligned_y',
    'between',
    'offset',
    'place',
    'half_plane',
    'disc',
)
"""Families that terms are drawn from, each with parameters of its own."""

NUM_ENTITIES = 6
TOLERANCE = 0.1
"""Tolerance of every predicate in a composition [workspace units]."""

Bound = tuple[Family, np.ndarray, np.ndarray]
"""A concept in a scene: family, parameters (1, P), attention (N,) bool."""

_WITNESSES = 400
_CLEARANCE = 0.22


def by_depth(model: ConceptModel, seed: int, problems: int) -> dict[str, Any]:
    """Solve random satisfiable conjunctions of one to four concepts for one subject.

    Every problem has a witness, a free place where all terms hold. Codes come from five
    demonstrations each. The descent knows neither witness nor parameters.
    """
    known = families()
    found: dict[str, Any] = {}
    bar = tqdm(total=len(DEPTHS) * problems, desc='composition')
    for depth in DEPTHS:
        rng = np.random.default_rng([seed, depth])
        held = 0
        for number in range(problems):
            held += _solve(model, known, rng, depth, number)
            bar.update()
        found[str(depth)] = rate(held, problems)
    bar.close()
    return found


def _solve(
    model: ConceptModel, known: dict[str, Family], rng: np.random.Generator, depth: int, seed: int
) -> bool:
    scene, terms = _draw(known, rng, depth)
    program: list[GroundedTerm | Operator] = []
    for family, params, attention in terms:
        demonstrations = family.sample(rng, params, 5)
        code: ConceptCode = model.infer(demonstrations, seed)
        program.append(
            GroundedTerm(family.name, code, scene.subjects[0], torch.from_numpy(attention))
        )
    if depth > 1:
        program.append(Operator('and', depth))
    solution = solve(GoalEnergy(model, program), scene, scene.subjects[0].numpy(), seed=seed)
    outcome = scene.with_outcome(torch.from_numpy(solution.positions[None]).float())
    return bool(all_hold(terms, outcome, TOLERANCE)[0])


def conjunction(
    model: ConceptModel,
    codes: Mapping[str, ConceptCode],
    relations: Iterable[tuple[str, int, int]],
    num_entities: int,
) -> GoalEnergy:
    """Return the energy of several relations at once.

    Args:
        model: Concept model whose energy is used.
        codes: Codes of the relations by name.
        relations: Triples of name, subject and other entity; the subject twice where there is no
            other.
        num_entities: Number of entities of the scene.
    """
    entity = torch.arange(num_entities)
    terms = [
        GroundedTerm(name, codes[name], entity == i, (entity == j) & (i != j))
        for name, i, j in relations
    ]
    return GoalEnergy(model, [*terms, Operator('and', len(terms))])


def all_hold(terms: list[Bound], events: Events, tolerance: float) -> np.ndarray:
    """Tell for which of B events all concepts hold (B,)."""
    good = np.ones(len(events), dtype=bool)
    for family, params, attention in terms:
        attended = torch.from_numpy(attention).float().expand(len(events), -1)
        meant = replace(events, attention=attended, has_attention=True)
        good &= family.holds(meant, params, tolerance)
    return good


def _draw(
    known: dict[str, Family], rng: np.random.Generator, depth: int
) -> tuple[Events, list[Bound]]:
    """Draw a scene and `depth` different concepts that hold together somewhere."""
    while True:
        positions = rng.uniform(-0.9, 0.9, (NUM_ENTITIES, 2))
        subjects = np.arange(NUM_ENTITIES) == 0
        colors = rng.uniform(0, 1, (1, NUM_ENTITIES, 3))
        sizes = np.full((1, NUM_ENTITIES), 0.16)
        terms: list[Bound] = []
        for name in rng.choice(TERM_FAMILIES, depth, replace=False):
            family = known[str(name)]
            number = getattr(family, 'num_arguments', 0)
            attention = np.zeros(NUM_ENTITIES, dtype=bool)
            attention[rng.choice(np.arange(1, NUM_ENTITIES), number, replace=False)] = True
            terms.append((family, family.sample_concepts(rng, 1), attention))
        witnesses = rng.uniform(-0.95, 0.95, (_WITNESSES, 2))
        apart = np.linalg.norm(witnesses[:, None] - positions[None, 1:], axis=-1).min(axis=1)
        witnesses = witnesses[apart > _CLEARANCE]
        scene = Events(
            positions[None, None],
            colors,
            sizes,
            subjects=subjects[None],
            attention=np.zeros((1, NUM_ENTITIES), dtype=np.float32),
        )
        last = np.repeat(positions[None], len(witnesses), axis=0)
        last[:, 0] = witnesses
        tried = scene.repeat(len(witnesses)).with_outcome(torch.from_numpy(last).float())
        for term in terms:
            good = all_hold([term], tried, TOLERANCE / 2)
            if not good.any():
                break
            tried = tried[torch.from_numpy(good)]
        else:
            return scene, terms
