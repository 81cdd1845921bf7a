"""A recorded bag to look back at: the table over time, the energy, phases and the verdict."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup, read_setup
from concept_control.energy.model import ConceptModel
from concept_control.errors import BagError, ConceptControlError
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.replay.replay import Replay
from concept_control.replay.text import number, verdict_words
from concept_control.studio.table import BOX_SIZES, SIZES, Place, Table, Thing
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.workspace import Workspace

TOLERANCE = 0.015
"""Tolerance of the predicate [m]."""

MAX_MOMENTS = 3000
"""Most moments that are kept; of a longer recording every second, third, … is."""


@dataclass(frozen=True)
class Recording:
    """What a bag shows.

    Attributes:
        name: Name of the bag, and of the model where that is not the shipped one.
        table: The things that were seen.
        times: (T,) times since the recording began [s].
        places: Places of the things seen at each of these times, by id [workspace units].
        told: Times since the recording began [s] and the `ConceptStatus` of each, in order.
        curve: Pairs of time [s] and energy, by the model that the recording was read with.
        verdicts: Verdict on each command, for people.
    """

    name: str
    table: Table
    times: np.ndarray
    places: tuple[dict[int, Place], ...]
    told: tuple[tuple[float, Any], ...]
    curve: tuple[tuple[float, float], ...]
    verdicts: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Length of the recording [s]."""
        return float(self.times[-1])

    def places_at(self, time: float) -> dict[int, Place]:
        """Return where things were at a time [s], or as soon as they were first seen."""
        at = int(np.searchsorted(self.times, time, side='right')) - 1
        return self.places[max(at, 0)]

    def told_at(self, time: float) -> Any:
        """Return the `ConceptStatus` that had come last at a time [s]; None before the first."""
        at = bisect.bisect_right(self.told, time, key=itemgetter(0))
        return self.told[at - 1][1] if at else None


def read_recording(path: Path, model: ConceptModel, label: str = '') -> Recording:
    """Read a bag and judge it.

    Args:
        path: Folder or file of the bag.
        model: Model that recomputes the energies.
        label: Name of the model, for people; '' for the shipped one.

    Raises:
        BagError: if it cannot be read, or holds no entities.
    """
    setup = read_setup()
    with Bag(path) as bag:
        watched = _Watched(setup)
        specs = topic.find_topics(bag, (topic.ENTITIES, topic.STATUS)).specs
        for name, _, message in bag.messages(set(specs)):
            watched.add(specs[name], message)
    if not watched.moments:
        raise BagError(f'{path} holds no entities to show')
    with Bag(path) as bag:
        report = Replay(bag, setup, model, TOLERANCE).run().report
    verdicts = [
        f'{command["expression"]}: {verdict_words(command["holds"])}, '
        f'{number(command["error_mm"])} mm off ({command["judged_on"]})'
        for command in report['commands']
    ]
    verdicts += [f'{refused["expression"]}: {refused["text"]}' for refused in report['refused']]
    verdicts += [note for command in report['commands'] for note in command['notes']]
    name = f'{path.name}, {label}' if label else path.name
    return watched.recording(name, report['commands'], tuple(verdicts))


def table_of(states: Mapping[int, EntityState], workspace: Workspace) -> Table:
    """Return what perception sees as a table of things, in the nearest named colours."""
    names, colors = list(NAMED_COLORS), np.array(list(NAMED_COLORS.values()))
    things = []
    for i, state in sorted(states.items()):
        if i != TOOL_ID:
            x, y, bottom = place_of(state, workspace)
            nearest = int(np.linalg.norm(colors - state.color, axis=1).argmin())
            side = float(workspace.length_to_workspace(float(state.size[:2].mean())))
            size = float(np.clip(side, *(BOX_SIZES if state.rim > 0 else SIZES)))
            things.append(Thing(i, names[nearest], (x, y), size, bottom, state.rim > 0))
    return Table(tuple(things)).settled()


def place_of(state: EntityState, workspace: Workspace, table_height: float = 0.0) -> Place:
    """Return where a thing is that perception sees above a table of a height [m]."""
    x, y = workspace.to_workspace(state.xy)
    lift = workspace.length_to_workspace(state.top - float(state.size[2]) - table_height)
    return float(x), float(y), max(0.0, float(lift))


@dataclass
class _Watched:
    """What was read so far."""

    setup: RecordedSetup
    start: float | None = None
    states: dict[int, EntityState] = field(default_factory=dict)
    moments: list[tuple[float, dict[int, EntityState]]] = field(default_factory=list)
    told: list[tuple[float, Any]] = field(default_factory=list)

    def add(self, spec: topic.TopicSpec, message: Any) -> None:
        """Add a message of the entities or the status."""
        stamp = seconds(message.header.stamp)
        self.start = stamp if self.start is None else min(self.start, stamp)
        if spec == topic.STATUS:
            self.told.append((stamp, message))
            return
        try:
            states = entity_states(message, self.setup.frame)
        except ConceptControlError:
            return  # `Replay` reads the same and notes what cannot be used
        self.states = {**states, **self.states}
        self.moments.append((stamp, states))
        if len(self.moments) > 2 * MAX_MOMENTS:
            self.moments = self.moments[::2]

    def recording(
        self, name: str, commands: Sequence[Mapping[str, Any]], verdicts: tuple[str, ...]
    ) -> Recording:
        """Return all that was read, with the energies of the commands of its replay."""
        workspace, start = self.setup.arm.workspace, self.start or 0.0
        table = table_of(self.states, workspace)
        height = self.setup.table_height
        places = [
            {i: place_of(s, workspace, height) for i, s in states.items() if i != TOOL_ID}
            for _, states in self.moments
        ]
        times = np.array([stamp - start for stamp, _ in self.moments])
        order = np.argsort(times, kind='stable')
        told = sorted(((stamp - start, t) for stamp, t in self.told), key=itemgetter(0))
        curve = tuple(
            (command['start_s'] - start + time, energy)
            for command in commands
            for found in [command['energy'].get('recomputed', command['energy']['recorded'])]
            for time, energy in zip(found['time_s'], found['energy'])
            if np.isfinite(energy)
        )
        return Recording(
            name,
            table,
            times[order],
            tuple(places[i] for i in order),
            tuple(told),
            curve,
            verdicts,
        )
