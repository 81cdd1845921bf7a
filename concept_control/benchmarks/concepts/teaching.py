"""Does cross-validation tell demonstrations of a concept from others? Held-out families."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts import Family
from concept_control.energy.model import ConceptModel
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.teaching.cross_validation import leave_one_out
from concept_control.teaching.teach import usage_of
from concept_control.training.confidence import shuffled
from concept_control.world.demonstrations import join
from concept_control.world.events import Events

SHOTS = 5
"""Number of demonstrations of a set."""


def run(
    model: ConceptModel, families: Mapping[str, Family], seed: int, concepts: int
) -> dict[str, dict[str, float]]:
    """Return what is said of sets of demonstrations, by kind of set.

    Args:
        model: Model whose codes are judged.
        families: Families of the concepts.
        seed: Seed of concepts and scenes.
        concepts: Concepts of each family.
    """
    found = defaultdict(list)
    for family in tqdm(families.values(), desc='teaching', unit='family'):
        rng = np.random.default_rng([seed, *family.name.encode()])
        for _ in range(concepts):
            for kind, shown in demonstration_sets(family, rng):
                test = leave_one_out(model, shown, usage_of(shown), seed)
                found[kind].append((bool(test.agrees), test.outlier == SHOTS - 1))
    return {
        kind: {
            'agree': float(np.mean([agrees for agrees, _ in said])),
            'last named': float(np.mean([is_named for _, is_named in said])),
            'sets': len(said),
        }
        for kind, said in found.items()
    }


def demonstration_sets(family: Family, rng: np.random.Generator) -> Iterator[tuple[str, Events]]:
    """Yield demonstrations of one concept, the same with the last one spoilt, and all spoilt."""
    params = family.sample_concepts(rng, 1)
    shown = join([family.sample(rng, params, SHOTS)])
    if 0 < int(shown.subjects.any(dim=1).sum()) < SHOTS:
        return  # Some make a set and some name it: nobody teaches both in one word.
    scene = shuffled(scene_batch_from_events(shown), rng)
    positions = torch.stack([shown.positions[:, 0], scene.after], dim=1)
    spoilt = Events(
        positions, shown.colors, shown.sizes, shown.present, shown.subjects, scene.attention
    )
    still_holds = family.holds(spoilt, params)
    yield 'of one concept', shown
    if not still_holds[-1]:
        yield 'the last does not fit', join([shown[list(range(SHOTS - 1))], spoilt[[-1]]])
    if not still_holds.all():  # those of a shape that is only pointed at are left as they are
        yield 'nothing in common', spoilt
