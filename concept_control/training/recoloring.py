"""Colours and sizes of sampled events, changed where they decide nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from concept_control.concepts.family import Family, random_colors
from concept_control.world.events import DEFAULT_SIZE, Events


def alike(rng: np.random.Generator, family: Family, events: Events, chosen: np.ndarray) -> Events:
    """Give all entities of some concepts (C,) one colour and one size, where that decides nothing.

    Points without colours of their own are what a first user tries.
    """
    each = len(events) // len(chosen)
    rows = torch.from_numpy(np.repeat(chosen, each))
    colors, sizes = events.colors.clone(), events.sizes.clone()
    if not family.reads_colors:
        one = np.where(rng.random((len(chosen), 1)) < 0.5, 0.5, rng.random((len(chosen), 3)))
        drawn = torch.from_numpy(np.repeat(one, each, axis=0)).to(colors)
        colors[rows] = drawn[rows, None].expand_as(colors[rows])
    if not family.reads_sizes:
        sizes[rows] = DEFAULT_SIZE
    return replace(events, colors=colors, sizes=sizes)


def role_colored(rng: np.random.Generator, events: Events, chosen: np.ndarray) -> Events:
    """Give subjects, attended and others of some concepts (C,) a colour each, in all events.

    On a table the same red block is put between the same two others five times; that must not
    change where it is put.
    """
    each = len(events) // len(chosen)
    rows = torch.from_numpy(np.repeat(chosen, each))
    drawn = np.repeat(random_colors(rng, (len(chosen), 3)), each, axis=0)
    palette = torch.from_numpy(drawn).to(events.colors)
    role = torch.where(events.subjects.bool(), 0, torch.where(events.attention > 0.5, 1, 2))
    colors = palette.gather(1, role.unsqueeze(-1).expand(-1, -1, 3))
    colors = colors + torch.from_numpy(rng.normal(0.0, 0.02, colors.shape)).to(colors)
    colors = torch.where(rows[:, None, None], colors.clamp(0, 1), events.colors)
    return replace(events, colors=colors)
