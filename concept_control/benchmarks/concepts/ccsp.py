"""Diffusion-CCSP's qualitative problems: arrange two to five things under many constraints.

Every constraint is a code learned from a few demonstrations; a problem is the sum of its
constraints' energies. It is solved if nothing collides and every given constraint holds, at the
first of ten samples and at any of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.concepts.boxes import any_collision
from concept_control.benchmarks.concepts.ccsp_constraints import (
    BINARY,
    CONSTRAINTS,
    KINDS,
    ORDERED,
    UNARY,
    WALLS,
    Things,
    demonstrate,
)
from concept_control.benchmarks.concepts.composition import conjunction
from concept_control.benchmarks.concepts.srem_relations import random_looks
from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.solving import sample
from concept_control.energy.model import ConceptModel
from concept_control.reports import intervals
from concept_control.world.events import Events

SHOTS = (5, 10, 30)
COUNTS = (2, 3, 4, 5)
SAMPLES = 10

PUBLISHED = {2: ('64', '98'), 3: ('47', '93'), 4: ('20', '75'), 5: ('8', '37')}
"""Solved % of 100 problems at 1 and 10 samples, read off a figure of arXiv 2309.00966."""

DIFFERENCES = (
    'Ours learns each constraint from a few demonstrations at run time; theirs is trained on such '
    'problems, of fewer than 5 objects. Rectangles are drawn as theirs, by splitting the square; '
    'squares of 5 to 12 % of its side leave more room. "In" and "collision-free" are the walls of '
    'our solver, which knows them.'
)


@dataclass(frozen=True)
class Problem:
    """Constraints on the places of N things.

    Attributes:
        sides: (N, 2) side lengths, workspace units.
        constraints: (name, i, j) with j = i for constraints on a single thing.
    """

    sides: np.ndarray
    constraints: tuple[tuple[str, int, int], ...]

    def missing(self, positions: np.ndarray) -> list[str]:
        """Return the names of what does not hold at positions (N, 2), `collision-free` too."""
        things = Things.at(positions, self.sides)
        missing = [n for n, i, j in self.constraints if not CONSTRAINTS[n](things, i, j)]
        if any_collision(things.boxes):
            missing.append('collision-free')
        if (np.abs(things.boxes) > 0.5).any():
            missing.append('in')
        return missing


def run(
    model: ConceptModel,
    seed: int = 0,
    problems: int = 100,
    kinds: Sequence[str] = tuple(KINDS),
    shots: Sequence[int] = SHOTS,
    counts: Sequence[int] = COUNTS,
) -> dict[str, Any]:
    """Run all problems.

    Args:
        model: Concept model whose energy is used.
        seed: Seed of demonstrations, problems and samples.
        problems: Number of problems of each kind, of each number of things.
        kinds: Kinds of things, each of `KINDS`.
        shots: Numbers of demonstrations of each constraint.
        counts: Numbers of things, each of `COUNTS`.

    Returns:
        Per kind, number of demonstrations and number of things the rates solved at 1 and at all
        samples, and how often what was missing at the first; what differs from the published
        setting.
    """
    result: dict[str, Any] = {'seed': seed, 'differs': DIFFERENCES}
    total = problems * len(kinds) * len(shots) * len(counts)
    with tqdm(total=total, desc='CCSP', unit='problem', file=sys.stderr) as bar:
        for kind, shot, count in product(kinds, shots, counts):
            rng = np.random.default_rng([seed, count])
            row = result.setdefault(kind, {}).setdefault(str(shot), {})
            row[str(count)] = _run_count(model, rng, kind, shot, count, problems, bar)
    return result


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return (what, result by number of demonstrations, published) for a table."""
    table = []
    for kind in (kind for kind in KINDS if kind in result):
        for count, (number, key) in product(COUNTS, enumerate(('first', 'any'))):
            cells = [result[kind].get(str(shots), {}).get(str(count)) for shots in SHOTS]
            what = f'{count} {kind}, {SAMPLES if number else 1} sample{"s" * number}'
            found = (intervals.percent(cell[key]) if cell else '' for cell in cells)
            table.append((what, *found, f'{PUBLISHED[count][number]} %'))
    return table


def draw_problem(rng: np.random.Generator, count: int, kind: str) -> Problem:
    """Draw an arrangement and ask for everything that holds in it."""
    while True:
        places, sides = KINDS[kind](rng, count)
        things = Things.at(places, sides)
        given = [
            (n, i, i) for n, test in UNARY.items() for i in range(count) if test(things, i, i)
        ]
        for (name, test), i, j in product(BINARY.items(), range(count), range(count)):
            if i != j and (name in ORDERED or i < j) and test(things, i, j):
                # Which of two comes first means nothing where order does not count.
                swap = name not in ORDERED and rng.random() < 0.5
                given.append((name, j, i) if swap else (name, i, j))
        if given:
            return Problem(sides, tuple(given))


def sample_places(
    model: ConceptModel,
    codes: dict[str, ConceptCode],
    problem: Problem,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return samples (S, N, 2), workspace units, of low summed energy, the likeliest first."""
    count = len(problem.sides)
    goal = conjunction(model, codes, problem.constraints, count)
    # Where things were before should not matter.
    start = rng.uniform(-1.0, 1.0, (1, 1, count, 2))
    events = Events(start, random_looks(rng, (1, count)), sizes=problem.sides[None])
    movable = np.ones(count, dtype=bool)
    seed = int(rng.integers(2**31))
    return sample(goal, events, movable, seed=seed, samples=SAMPLES, walls=WALLS)[0]


def _run_count(
    model: ConceptModel,
    rng: np.random.Generator,
    kind: str,
    shots: int,
    count: int,
    problems: int,
    bar: tqdm,
) -> dict[str, Any]:
    first, ever, asked = 0, 0, 0
    missing: Counter[str] = Counter()
    given = Counter({'collision-free': problems, 'in': problems})
    for number in range(problems):
        # Problems that share codes are no independent trials.
        codes = {n: model.infer(demonstrate(rng, n, shots, kind)) for n in CONSTRAINTS}
        problem = draw_problem(rng, count, kind)
        given.update(name for name, _, _ in problem.constraints)
        asked += len(problem.constraints)
        lacks = [problem.missing(place) for place in sample_places(model, codes, problem, rng)]
        missing.update(lacks[0])
        first += not lacks[0]
        ever += not all(lacks)
        bar.update()
        bar.set_postfix_str(f'{shots} shots, {count} {kind}: {first}, {ever} of {number + 1}')
    return {
        'first': intervals.rate(first, problems),
        'any': intervals.rate(ever, problems),
        'constraints_a_problem': asked / problems,
        'missing_at_first': {
            name: {'missing': missing[name], 'given': number}
            for name, number in sorted(given.items())
        },
    }
