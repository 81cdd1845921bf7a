"""Demonstrations: from scenes that were watched, and from NPZ files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from concept_control.errors import EventError, LibraryError
from concept_control.input_files import read_npz as read_arrays
from concept_control.world.events import Events
from concept_control.world.tabletop import MOVED, Tabletop

FIELDS = ('positions', 'colors', 'sizes', 'present', 'subjects', 'attention')
"""Names of the arrays in an NPZ file, as `Events` takes them; the first two must be there."""

VERTICAL_FIELDS = ('heights', 'bottoms', 'rims')
"""Names of the arrays beside them in which files of taught words keep what is vertical."""

MAX_SHAPE = (1000, 1000, 100)
"""Most events, time steps and entities of a file: what is made of them takes far more memory."""

PATCH = 0.6
"""Extent of all positions in workspace units, whose workspace measures 2, below which they are
probably in other units: the workspace of an arm measures half a metre."""

MAX_DEMONSTRATIONS = 200
"""Most demonstrations that one concept is inferred from."""

NOTHING_MEANT = (
    'nothing moved and nothing is said to be meant: a demonstration needs at least one thing that '
    'moves, or one that is pointed at'
)


def demonstration(
    before: Tabletop,
    after: Tabletop,
    subjects: Sequence[int],
    arguments: Sequence[int],
) -> Events:
    """Return one event, B = 1 and T = 2, from what was seen before and after.

    Things that only one of the scenes shows are left out.

    Args:
        before: Scene at the start.
        after: Scene at the end.
        subjects: Ids of what the concept acts on, or of the marker.
        arguments: Ids of what it is about.

    Raises:
        EventError: if a subject or argument is missing in a scene, or nothing is marked.
    """
    ids = [i for i in before.ids if i in after.ids]
    gone = sorted(({*subjects} | {*arguments}) - {*ids})
    if gone:
        raise EventError(
            f'the entities {gone} were not seen both before and after; seen were '
            f'{list(before.ids)} and then {list(after.ids)}'
        )
    if not subjects and not arguments:
        raise EventError(NOTHING_MEANT)
    before = before.only(ids)
    then = np.array([after.ids.index(i) for i in ids])
    order = np.array(ids)
    return Events(
        positions=np.stack([before.positions, after.positions[then]])[None],
        **before.bodies(),
        bottoms=np.stack([before.bottoms, after.bottoms[then]])[None],
        subjects=np.isin(order, np.array(list(subjects), dtype=int))[None],
        attention=np.isin(order, np.array(list(arguments), dtype=int))[None].astype(np.float32),
    )


def shown_roles(after: Tabletop, moved: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the subjects and the arguments of a demonstration that does not say them.

    What moved, and everything else. Things on one another tell more: several that moved make a
    shape with what they rest on or carry, in which each is both; a single one is about what it
    rests on.

    Args:
        after: Scene at the end.
        moved: Ids of what moved.
    """
    rests, pile = after.rests_on(), after.mask(moved)
    others = tuple(i for i in after.ids if i not in moved)
    below = rests[pile].any(axis=0)
    if pile.sum() == 1 and below.any():
        return tuple(moved), tuple(i for i, is_below in zip(after.ids, below) if is_below)
    touches = rests | rests.T
    if pile.sum() < 2 or not touches[pile].any():
        return tuple(moved), others
    for _ in after.ids:
        pile = pile | touches[pile].any(axis=0)
    members = tuple(i for i, is_member in zip(after.ids, pile) if is_member)
    return members, members


def scenes_of(events: Events, row: int) -> tuple[Tabletop, Tabletop]:
    """Return what one of the events shows before and after; the first entity has the id 1."""
    here = np.flatnonzero(events.present[row].cpu().numpy())
    colors, sizes, heights, rims = (
        getattr(events, name)[row].cpu().numpy().astype(float)[here]
        for name in ('colors', 'sizes', 'heights', 'rims')
    )
    before, after = (
        Tabletop(
            tuple((here + 1).tolist()),
            events.positions[row, step].cpu().numpy().astype(float)[here],
            colors,
            sizes,
            events.bottoms[row, step].cpu().numpy().astype(float)[here],
            heights,
            rims,
        )
        for step in (0, -1)
    )
    return before, after


def join(demonstrations: Sequence[Events]) -> Events:
    """Join demonstrations of any T to one batch of T = 2, before and after.

    Raises:
        EventError: if there are none, or more than `MAX_DEMONSTRATIONS`.
    """
    joined = Events.concatenate(
        [
            e.with_outcome(e.positions[:, -1], e.bottoms[:, -1] if e.has_heights else None)
            for e in demonstrations
        ]
    )
    if len(joined) > MAX_DEMONSTRATIONS:
        raise EventError(
            f'{len(joined)} demonstrations; at most {MAX_DEMONSTRATIONS} are taken, and five are '
            'typical'
        )
    return joined


def read_npz(path: Path, notes: list[str]) -> Events:
    """Read demonstrations from an NPZ file with the arrays `FIELDS`, of which two must be there.

    Without `present`, entities whose positions are NaN are padding; without `subjects`, these are
    what moved; without `attention`, it is everything else, or what `shown_roles` says.

    Args:
        path: NPZ file.
        notes: List to which sentences are added on what was assumed, and on what looks wrong.

    Raises:
        LibraryError: if it is no such file.
        EventError: if its arrays are no events, or nothing is marked and nothing moves.
    """
    arrays = read_arrays(path, LibraryError, with_nan=FIELDS[:3])
    missing = [name for name in FIELDS[:2] if name not in arrays]
    if missing:
        raise LibraryError(
            f'{path} lacks {", ".join(missing)}; demonstrations are the arrays positions '
            '(B, T, N, 2) in [-1, 1], or (B, T, N, 3) with the heights of the centres, colors '
            '(B, N, 3) and, as masks (B, N), subjects and attention'
        )
    masks: dict[str, np.ndarray] = {}
    if arrays['positions'].ndim == 4 and arrays['positions'].size:
        masks = _masks(arrays, notes)
    shown = join([events_of(arrays | masks)])
    if 'attention' in masks and (shown.is_stacked or shown.has_open_boxes):
        notes.append('where things came to rest on others, it is these, or the whole pile')
        subjects, attention = torch.zeros_like(shown.subjects), torch.zeros_like(shown.attention)
        for row in range(len(shown)):
            moved = torch.nonzero(shown.subjects[row])[:, 0] + 1
            roles = shown_roles(scenes_of(shown, row)[1], moved.tolist())
            for mask, ids in zip((subjects, attention), roles):
                mask[row, [i - 1 for i in ids]] = 1
        shown = replace(shown, subjects=subjects, attention=attention)
    return shown


def _masks(arrays: Mapping[str, np.ndarray], notes: list[str]) -> dict[str, np.ndarray]:
    """Return the masks (B, N) that a file leaves out, and note what looks wrong in it."""
    positions = arrays['positions']
    moved = np.linalg.norm(positions[:, -1] - positions[:, 0], axis=-1) > MOVED
    present = ~np.isnan(positions).all(axis=(1, 3))
    masks = {}
    if 'present' in arrays:
        if arrays['present'].shape == present.shape:
            present = arrays['present'] > 0
    elif not present.all():
        masks['present'] = present
        notes.append(f'{(~present).sum()} entities without a position were taken for padding')
    elif (is_zero := (positions == 0).all(axis=(1, 3))).any():
        notes.append(
            f'{is_zero.sum()} entities stand at exactly (0, 0) all the time: if they are padding, '
            'give the mask present (B, N), or NaN for their positions'
        )
    places = positions.transpose(0, 2, 1, 3)[present].reshape(-1, positions.shape[-1])[:, :2]
    extent = np.ptp(places, axis=0) if len(places) else np.full(2, np.inf)
    if len(positions) > 1 and extent.max() < PATCH:
        notes.append(
            f'all positions lie within {extent[0]:.2f} x {extent[1]:.2f} of the workspace, which '
            'is [-1, 1] both ways: are they in metres? Subtract its middle and divide by half its '
            'side'
        )
    if 'subjects' not in arrays:
        masks['subjects'] = moved & present
        notes.append('no subjects are given: they are what moved')
    subjects = masks.get('subjects', arrays.get('subjects'))
    if subjects is None or subjects.shape != present.shape:
        return masks
    subjects = subjects > 0
    strays = np.flatnonzero((moved & present & ~subjects).any(axis=1))
    if len(strays):
        numbers = ', '.join(str(i + 1) for i in strays)
        notes.append(f'more than the subjects moved in the demonstrations {numbers}')
    if 'attention' not in arrays:
        others = present & ~subjects
        # In a shape every member is both; a thing by itself is about nothing else either.
        masks['attention'] = np.where(others.any(axis=1, keepdims=True), others, subjects)
        notes.append('no attention is given: it is everything but the subjects')
        if 'subjects' in masks and not subjects.any(axis=1).all():
            number = int(np.flatnonzero(~subjects.any(axis=1))[0]) + 1
            raise EventError(f'demonstration {number}: {NOTHING_MEANT}')
    return masks


def events_of(arrays: Mapping[str, np.ndarray]) -> Events:
    """Return the events that arrays named as `FIELDS` hold; further arrays are left alone.

    Raises:
        EventError: if they are no events.
    """
    if 'positions' not in arrays or 'colors' not in arrays:
        raise EventError('events need the arrays positions and colors')
    shape = np.shape(arrays['positions'])
    if any(size > largest for size, largest in zip(shape, MAX_SHAPE)):
        raise EventError(f'positions {shape}; at most {MAX_SHAPE} events, steps and entities')
    sizes, present, subjects, attention = (arrays.get(name) for name in FIELDS[2:])
    vertical: dict[str, Any] = {name: arrays.get(name) for name in VERTICAL_FIELDS}
    return Events(
        arrays['positions'],
        arrays['colors'],
        sizes,
        present,
        subjects,
        attention,
        **vertical,
    )
