"""A recorded bag to look back at: the table over time, the energy, phases and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from concept_control.studio.table import BOX_SIZES, SIZES, Table, Thing
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.workspace import Workspace

TOLERANCE = 0.015
"""Tolerance of the predicate [m]."""

MAX_MOMENTS = 3000
"""Most moments that are kept; of a longer recording every second, third, … is."""


@dataclass(frozen=True)
class Told:
    """What the controller said at a moment.

    Attributes:
        time: Time since the recording began [s].
        expression: Expression that was pursued.
        phase: What the arm was doing.
        text: Reason, for people.
        meant: Ids of what the command was about.
    """

    time: float
    expression: str
    phase: str
    text: str
    meant: tuple[int, ...]


@dataclass(frozen=True)
class Recording:
    """What a bag shows.

    Attributes:
        name: Name of the bag, and of the model where that is not the shipped one.
        table: The things that were seen.
        times: (T,) times since the recording began [s].
        places: Places of the things seen at each of these times, by id [workspace units].
        told: What the controller said, in order.
        curve: Pairs of time [s] and energy, by the model that the recording was read with.
        verdicts: Verdict on each command, for people.
    """

    name: str
    table: Table
    times: np.ndarray
    places: tuple[dict[int, tuple[float, float, float]], ...]
    told: tuple[Told, ...]
    curve: tuple[tuple[float, float], ...]
    verdicts: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Length of the recording [s]."""
        return float(self.times[-1])

    def places_at(self, time: float) -> dict[int, tuple[float, float, float]]:
        """Return where things were at a time [s], or as soon as they were first seen."""
        at = int(np.searchsorted(self.times, time, side='right')) - 1
        return self.places[max(at, 0)]

    def told_at(self, time: float) -> Told | None:
        """Return what the controller had said last at a time [s]."""
        times = [told.time for told in self.told]
        at = int(np.searchsorted(times, time, side='right')) - 1
        return self.told[at] if at >= 0 else None


def read_recording(
    path: Path, model: ConceptModel, label: str = '', params: Path | None = None
) -> Recording:
    """Read a bag and judge it.

    Args:
        path: Folder or file of the bag.
        model: Model that recomputes the energies.
        label: Name of the model, for people; '' for the shipped one.
        params: Parameter file of the recorded nodes; None for that of the demonstration.

    Raises:
        BagError: if it cannot be read, or holds no entities.
    """
    setup = read_setup(params)
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
            x, y = workspace.to_workspace(state.xy)
            nearest = int(np.linalg.norm(colors - state.color, axis=1).argmin())
            side = float(workspace.length_to_workspace(float(state.size[:2].mean())))
            size = float(np.clip(side, *(BOX_SIZES if state.rim > 0 else SIZES)))
            bottom = float(workspace.length_to_workspace(state.top - float(state.size[2])))
            place = float(x), float(y)
            things.append(Thing(i, names[nearest], place, size, bottom, state.rim > 0))
    return Table(tuple(things)).settled()


@dataclass
class _Watched:
    """What was read so far."""

    setup: RecordedSetup
    start: float | None = None
    states: dict[int, EntityState] = field(default_factory=dict)
    moments: list[tuple[float, dict[int, EntityState]]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def add(self, spec: topic.TopicSpec, message: Any) -> None:
        """Add a message of the entities or the status."""
        stamp = seconds(message.header.stamp)
        self.start = stamp if self.start is None else min(self.start, stamp)
        if spec == topic.STATUS:
            self._add_status(stamp, message)
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
        places = [
            {
                i: (float(x), float(y), self._lift(state))
                for i, state in states.items()
                if i != TOOL_ID
                for x, y in [workspace.to_workspace(state.xy)]
            }
            for _, states in self.moments
        ]
        times = np.array([stamp - start for stamp, _ in self.moments])
        order = np.argsort(times, kind='stable')
        told = sorted((replace(t, time=t.time - start) for t in self.told), key=lambda t: t.time)
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

    def _add_status(self, stamp: float, message: Any) -> None:
        self.told.append(
            Told(
                stamp,
                str(message.expression),
                str(message.phase),
                str(message.text),
                tuple(map(int, message.attention)),
            )
        )

    def _lift(self, state: EntityState) -> float:
        height = float(state.position[2] - state.size[2] / 2) - self.setup.table_height
        return max(0.0, float(self.setup.arm.workspace.length_to_workspace(height)))
