"""Does a thing look like what was demonstrated? Identification among the demonstrated things.

Identification finds the *best* attention in a scene. Where nothing has the colour asked for, the
best is still something: the most similar. So a thing that was identified by its looks is put among
the demonstrations, beside things that truly are what is meant and things that are not; if the
same energy does not pick it there, it is not meant.
"""

from __future__ import annotations

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.world.events import Events

SAME_WHEREVER = 0.8
"""Share of demonstrations in which scattering the entities must not change what is identified."""


def identifies_by_looks(
    model: ConceptModel, code: ConceptCode, demonstrations: Events, seed: int = 0
) -> bool:
    """Tell whether a concept picks things by their looks alone, wherever things are.

    The entities of the demonstrations are scattered anew, at rest; a concept of looks still picks
    the same ones. One with a marker does not count.
    """
    if demonstrations.subjects.any():
        return False
    scattered = _scattered(demonstrations, seed)
    same = (model.identify(scattered, code, seed) > 0.5) == (demonstrations.attention > 0.5)
    return bool(same.all(dim=-1).float().mean() >= SAME_WHEREVER)


def appearance_match(
    model: ConceptModel,
    code: ConceptCode,
    demonstrations: Events,
    colors: np.ndarray,
    sizes: np.ndarray,
    seed: int = 0,
) -> np.ndarray:
    """Return for K things the share of demonstrations among which they are picked (K,).

    Args:
        model: identifies.
        code: of a concept that identifies by looks.
        demonstrations: B events of it.
        colors: (K, 3) RGB in [0, 1].
        sizes: (K,) workspace units.
        seed: of the places where the things are put.
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
    """Return static scenes of the same things in other places."""
    shape = (len(events), 1, events.num_entities, 2)
    places = np.random.default_rng(seed).uniform(-0.9, 0.9, shape)
    return Events(places, events.colors, events.sizes, events.present)
