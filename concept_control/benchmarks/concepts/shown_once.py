"""One stacking of three blocks, shown once: taught, commanded in other scenes, judged."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.concepts.registry import stacking_families
from concept_control.concepts.vocabulary import NamedConcept, named_concept
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.language.arrange import arrange
from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.language.library import ConceptLibrary, LibraryConcept
from concept_control.reports.intervals import rate
from concept_control.teaching.teach import teach
from concept_control.world.demonstrations import scenes_of
from concept_control.world.events import Events

NUMBERS = {'tower': (2, 3, 4, 5), 'pyramid': (3,), 'bridge': (3,)}
"""Families that are shown once, and numbers of blocks that it is done again with."""

SHOWN = 3
"""Number of blocks of a demonstration."""

WORD = 'shown'
"""Name of the taught word."""

_DRAWS = 40


def run(model: ConceptModel, seed: int, concepts: int) -> dict[str, dict[str, float]]:
    """Return how often it is done again, by family and number of blocks.

    Args:
        model: Model that learns.
        seed: Seed of demonstrations and scenes.
        concepts: Demonstrations of each family, each done again once with every number.
    """
    held: dict[str, list[bool]] = {}
    for name, numbers in NUMBERS.items():
        family = stacking_families()[name]
        for index in tqdm(range(concepts), desc=name, leave=False):
            rng = np.random.default_rng([seed, index, *name.encode()])
            concept = taught(model, family, rng)
            for number in numbers:
                holds = _is_done_again(model, concept, family, number, rng)
                held.setdefault(f'{name} with {number}', []).append(holds)
    return {name: rate(sum(each), len(each)) for name, each in held.items()}


def taught(model: ConceptModel, family: Family, rng: np.random.Generator) -> LibraryConcept:
    """Return the word that one demonstration of three blocks teaches."""
    concept, _ = teach(model, WORD, _drawn(family, SHOWN, rng))
    return concept


def judged_words(family: Family) -> dict[str, NamedConcept]:
    """Return the taught word with the predicate of what was shown."""
    return {WORD: named_concept(family, subjects=(2, 6))}


def _drawn(family: Family, number: int, rng: np.random.Generator) -> Events:
    """Return one event of a family in which all things, so many, are members."""
    drawn = family.sample(rng, np.zeros((1, 0)), _DRAWS, num_entities=number)
    (complete,) = drawn.subjects.all(dim=1).nonzero(as_tuple=True)
    return drawn[int(complete[0])]


def _is_done_again(
    model: ConceptModel,
    concept: LibraryConcept,
    family: Family,
    number: int,
    rng: np.random.Generator,
) -> bool:
    scene, _ = scenes_of(_drawn(family, number, rng), 0)
    if rng.random() < 1 / 3:
        # One begins with the first thing on the second.
        scene.positions[0], scene.bottoms[0] = scene.positions[1], scene.heights[1]
    expression, library = f'{WORD}(all)', ConceptLibrary([concept])
    judge = Judge(parse(expression), scene, family.tolerance, judged_words(family))
    try:
        found = arrange(expression, scene, model, library, int(rng.integers(2**31)))
    except GroundingError:
        return False
    return judge(found.scene).holds
