"""FTL-IGM's few-shot concepts: two that no training showed, alone and composed with two others.

Definitions after A. Netanyahu et al., "Few-Shot Task Learning through Inverse Generative
Modeling", NeurIPS 2024 (arXiv 2411.04987): things of sides 0.3 to 1 in an arena of 5 x 5.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.concepts.composition import conjunction
from concept_control.benchmarks.concepts.srem_relations import random_looks
from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.solving import solve
from concept_control.energy.model import ConceptModel
from concept_control.energy.search.walls import Walls
from concept_control.reports import intervals
from concept_control.world.events import Events

SHOTS = 5
SAMPLES = 50

ARENA = 5.0
SIDES = (0.3, 1.0)
RADIUS, RING = 5 / 3, 0.3
"""Distance of a circle, and by how much it may be missed."""

DIFFERENCES = (
    'Theirs inverts a diffusion model that was trained on the relations, by 50,000 steps of '
    'optimisation for each concept; ours was trained on none of them, but its odds were on lanes '
    'of random widths to one side. Compositions have a place in which both concepts hold; scenes '
    'are of states, not images. Things may overlap, as theirs may.'
)

_WALLS = Walls(separation=0.0, edge=1.0)
"""Nothing but the arena: where both concepts hold, things may have to overlap."""

Test = Callable[[np.ndarray, float], bool]
"""Whether a concept holds of the vector (2,) from a thing to the subject, for the larger side."""


def _diagonal(offset: np.ndarray, larger: float) -> bool:
    return bool((offset > 0).all() and abs(offset[1] - offset[0]) < 2 * larger)


CONCEPTS: dict[str, Test] = {
    'right of': lambda offset, larger: bool(offset[0] > 0 and abs(offset[1]) < 2 * larger),
    'above': lambda offset, larger: bool(offset[1] > 0 and abs(offset[0]) < 2 * larger),
    'circle': lambda offset, larger: bool(abs(np.linalg.norm(offset) - RADIUS) < RING),
    'diagonal': _diagonal,
}
NEW, TRAINED = ('circle', 'diagonal'), ('right of', 'above')
"""Concepts that theirs infers, and those that its training showed."""

TASKS = tuple((name,) for name in NEW) + tuple((a, b) for a in NEW for b in TRAINED)
"""What is asked for at once, each of another thing."""


def holds(name: str, places: np.ndarray, sides: np.ndarray, thing: int) -> bool:
    """Tell whether thing 0 is as a concept wants it to another, places (N, 2) in the arena."""
    return CONCEPTS[name](places[0] - places[thing], max(sides[0], sides[thing]))


def draw_scene(rng: np.random.Generator, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Draw places (N, 2) and sides (N,) in the arena: thing 0 is to each other as a name says."""
    count = 1 + len(names)
    while True:
        sides = rng.uniform(*SIDES, count)
        places = rng.uniform(-ARENA / 2, ARENA / 2, (count, 2))
        if all(holds(name, places, sides, i) for i, name in enumerate(names, start=1)):
            return places, sides


def demonstrate(rng: np.random.Generator, name: str, number: int) -> Events:
    """Draw demonstrations: thing 0 has been moved to where a concept holds of thing 1."""
    places, sides = (np.stack(v) for v in zip(*(draw_scene(rng, (name,)) for _ in range(number))))
    before = places.copy()
    before[:, 0] = rng.uniform(-ARENA / 2, ARENA / 2, (number, 2))
    return _events(rng, np.stack([before, places], axis=1), sides)


def run(model: ConceptModel, seed: int = 0, samples: int = SAMPLES) -> dict[str, Any]:
    """Learn and sample every task.

    Args:
        model: Concept model whose energy is used.
        seed: Seed of demonstrations, scenes and searches.
        samples: Number of samples of each task.

    Returns:
        The rate of each task, and the seconds that a code took in the median.
    """
    result: dict[str, Any] = {'seed': seed, 'shots': SHOTS, 'differs': DIFFERENCES, 'tasks': {}}
    seconds: list[float] = []
    with tqdm(total=samples * len(TASKS), desc='FTL-IGM', file=sys.stderr) as bar:
        for task in TASKS:
            rng = np.random.default_rng([seed, len(task)])
            held = 0
            for _ in range(samples):
                # Samples of one code are no independent trials.
                codes = {}
                for name in task:
                    shown = demonstrate(rng, name, SHOTS)
                    start = time.perf_counter()
                    codes[name] = model.infer(shown)
                    seconds.append(time.perf_counter() - start)
                held += _sample(model, codes, rng, task)
                bar.update()
            result['tasks'][' and '.join(task)] = intervals.rate(held, samples)
    return {**result, 'code_seconds': float(np.median(seconds))}


def rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what, result) for a table."""
    table = [(name, intervals.percent(held)) for name, held in result['tasks'].items()]
    return [*table, ('a code, median', f'{1000 * result["code_seconds"]:.0f} ms')]


def _sample(
    model: ConceptModel,
    codes: dict[str, ConceptCode],
    rng: np.random.Generator,
    task: tuple[str, ...],
) -> bool:
    places, sides = draw_scene(rng, task)
    places[0] = rng.uniform(-ARENA / 2, ARENA / 2, 2)
    scene = _events(rng, places[None, None], sides[None])
    seed = int(rng.integers(2**31))
    if len(task) == 1:
        found = model.generate(scene, codes[task[0]], seed=seed).positions[0, -1].numpy()
    else:
        relations = [(name, 0, i) for i, name in enumerate(task, start=1)]
        goal = conjunction(model, codes, relations, len(places))
        subjects = scene.subjects[0].numpy()
        found = solve(goal, scene, subjects, seed=seed, walls=_WALLS).positions
    found = found * ARENA / 2
    return all(holds(name, found, sides, i) for i, name in enumerate(task, start=1))


def _events(rng: np.random.Generator, positions: np.ndarray, sides: np.ndarray) -> Events:
    """Return events of thing 0 and another, or others, in an arena that is the workspace."""
    batch, count = sides.shape
    return Events(
        positions * 2 / ARENA,
        random_looks(rng, (batch, count)),
        sides * 2 / ARENA,
        subjects=np.tile(np.arange(count) == 0, (batch, 1)),
        attention=np.tile(np.arange(count) == 1, (batch, 1)),
    )
