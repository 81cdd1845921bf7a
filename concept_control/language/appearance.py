"""Appearance check: reject identified entities that do not match the demonstrated appearance.

Identification finds the attention of lowest energy in a scene. Where nothing has the colour asked
for, that is still some entity: the most similar one. So an entity that was identified by its
appearance is put into the demonstrations, beside positive and negative examples; if the same
energy does not pick it there, it is rejected.
"""

from __future__ import annotations

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.world.events import Events

MIN_AGREEMENT = 0.8
"""Smallest share of demonstrations in which moving the entities changes nothing identified."""


def identifies_by_appearance(
    model: ConceptModel, code: ConceptCode, demonstrations: Events, seed: int = 0
) -> bool:
    """Tell whether a concept identifies entities by their appearance alone, wherever they are.

    The entities of the demonstrations are scattered anew, at rest; such a concept still picks the
    same ones. One with a marker does not count.
    """
    if demonstrations.subjects.any():
        return False
    scattered = _scattered(demonstrations, seed)
    same = (model.identify(scattered, code, seed) > 0.5) == (demonstrations.attention > 0.5)
    return bool(same.all(dim=-1).float().mean() >= MIN_AGREEMENT)


def appearance_match(
    model: ConceptModel,
    code: ConceptCode,
    demonstrations: Events,
    colors: np.ndarray,
    sizes: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Return for K entities the share of demonstrations in which they are picked (K,).

    Args:
        model: Model that identifies.
        code: Code of a concept that identifies by appearance.
        demonstrations: B events of that concept.
        colors: (K, 3) RGB in [0, 1].
        sizes: (K,) side lengths in workspace units.
        seed: Seed of the places where the entities are put.
    """
    count, slot = len(colors), demonstrations.num_entities
    joined = Events.concatenate([_scattered(demonstrations, seed).pad(slot + 1)] * count)
    rows = np.repeat(np.arange(count), len(demonstrations))
    rng = np.random.default_rng(seed)
    tensors = {
        name: getattr(joined, name).clone() for name in ('positions', 'colors', 'sizes', 'present')
    }
    places = rng.uniform(-0.9, 0.9, (len(rows), 1, 2))
    tensors['positions'][:, :, slot] = torch.as_tensor(places, dtype=torch.float32)
    tensors['colors'][:, slot] = torch.as_tensor(colors[rows], dtype=torch.float32)
    tensors['sizes'][:, slot] = torch.as_tensor(sizes[rows], dtype=torch.float32)
    tensors['present'][:, slot] = True
    picked = model.identify(Events(**tensors), code, seed)[:, slot]
    return picked.reshape(count, -1).mean(dim=1).cpu().numpy()


def _scattered(events: Events, seed: int) -> Events:
    """Return static scenes of the same entities in other places."""
    shape = (len(events), 1, events.num_entities, 2)
    places = np.random.default_rng(seed).uniform(-0.9, 0.9, shape)
    return Events(places, events.colors, events.sizes, events.present)
