"""Demonstrations: from scenes that were watched, and from NPZ files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from concept_control.errors import EventError, LibraryError
from concept_control.input_files import read_npz as read_arrays
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop

FIELDS = ('positions', 'colors', 'sizes', 'present', 'subjects', 'attention')
"""Names of the arrays in an NPZ file, as `Events` takes them; the first two must be there."""

MAX_SHAPE = (1000, 1000, 100)
"""Most events, time steps and entities of a file: what is made of them takes far more memory."""

MAX_DEMONSTRATIONS = 200
"""Most demonstrations that one concept is inferred from."""


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
        raise EventError(
            'nothing moved and nothing is said to be meant: a demonstration needs at least one '
            'thing that moves, or one that is pointed at'
        )
    at = np.array([before.ids.index(i) for i in ids])
    then = np.array([after.ids.index(i) for i in ids])
    order = np.array(ids)
    return Events(
        positions=np.stack([before.positions[at], after.positions[then]])[None],
        colors=before.colors[at][None],
        sizes=before.sizes[at][None],
        subjects=np.isin(order, np.array(list(subjects), dtype=int))[None],
        attention=np.isin(order, np.array(list(arguments), dtype=int))[None].astype(np.float32),
    )


def join(demonstrations: Sequence[Events]) -> Events:
    """Join demonstrations of any T to one batch of T = 2, before and after.

    Raises:
        EventError: if there are none, or more than `MAX_DEMONSTRATIONS`.
    """
    joined = Events.concatenate([_before_and_after(events) for events in demonstrations])
    if len(joined) > MAX_DEMONSTRATIONS:
        raise EventError(
            f'{len(joined)} demonstrations; at most {MAX_DEMONSTRATIONS} are taken, and five are '
            'typical'
        )
    return joined


def _before_and_after(events: Events) -> Events:
    return events.with_outcome(events.positions[:, -1])


def read_npz(path: Path) -> Events:
    """Read demonstrations from an NPZ file with the arrays `FIELDS`.

    Raises:
        LibraryError: if it is no such file.
        EventError: if its arrays are no events.
    """
    arrays = read_arrays(path, LibraryError)
    missing = [name for name in FIELDS[:2] if name not in arrays]
    if missing:
        raise LibraryError(
            f'{path} lacks {", ".join(missing)}; demonstrations are the arrays positions '
            '(B, T, N, 2) in [-1, 1], colors (B, N, 3) and, as masks (B, N), subjects and '
            'attention'
        )
    return join([events_of(arrays)])


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
    return Events(arrays['positions'], arrays['colors'], sizes, present, subjects, attention)
