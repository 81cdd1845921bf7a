"""The events of a bag, each with a scene before and after: to learn from, or to name.

Found in this order: `demonstrations` messages; what markers cut out; what commands did; else the
whole bag as one event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup
from concept_control.errors import BagError, ConceptControlError
from concept_control.interfaces.constants import ENDED, GoalKind
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.interfaces.goal_terms import recorded_roles
from concept_control.world.demonstrations import read_npz, scenes_of
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop, moved_ids

MAX_EVENTS = 200
"""Events that are kept of each source."""


@dataclass(frozen=True)
class BagEvent:
    """An event found in a bag.

    Attributes:
        before: Scene at the start.
        after: Scene at the end, with the same ids.
        subjects: Ids of what moved or is marked.
        arguments: Ids of what it is about; empty where the recording does not say.
        start: Time when it began [s].
        end: Time when it was over [s].
        label: Name that the recording gives it.
        source: Where it was found: 'demonstrations', 'markers', 'commands' or 'whole bag'; in a
            dataset 'episodes', in an NPZ file 'arrays'.
    """

    before: Tabletop
    after: Tabletop
    subjects: tuple[int, ...]
    arguments: tuple[int, ...]
    start: float
    end: float
    label: str
    source: str


class _Watcher:
    """Keeps the newest scene of a bag, and the events found so far by source."""

    def __init__(self, setup: RecordedSetup) -> None:
        self.setup = setup
        self.scene: Tabletop | None = None
        self.time = 0.0
        self.first: tuple[float, Tabletop] | None = None
        self.events: dict[str, list[BagEvent]] = {
            'demonstrations': [],
            'markers': [],
            'commands': [],
        }
        self._goal: tuple[Any, float, Tabletop] | None = None
        self._marked: tuple[str, float, Tabletop] | None = None

    def on_entities(self, message: Any) -> None:
        states = entity_states(message, self.setup.frame)
        blocks = {i: state for i, state in states.items() if i != TOOL_ID}
        if not blocks:
            return
        self.time = seconds(message.header.stamp)
        self.scene = Tabletop.from_entities(blocks, self.setup.arm.workspace)
        if self.first is None or len(self.scene.ids) > len(self.first[1].ids):
            # Perception finds one thing after another: it began when most were known.
            self.first = (self.time, self.scene)

    def on_marker(self, message: Any) -> None:
        word, _, rest = str(message.data).strip().partition(' ')
        if self.scene is None:
            return
        if word == 'begin':
            self._marked = (rest.strip(), self.time, self.scene)
        elif word == 'end' and self._marked is not None:
            label, start, before = self._marked
            self._marked = None
            moved, end = moved_ids(before, self.scene), self.time
            self._keep(BagEvent(before, self.scene, moved, (), start, end, label, 'markers'))

    def on_goal(self, message: Any) -> None:
        if message.command != GoalKind.ACHIEVE or not message.terms or self.scene is None:
            return
        if self._goal is None or self._goal[0].goal_id != message.goal_id:
            self.close()
            self._goal = (message, self.time, self.scene)

    def on_status(self, message: Any) -> None:
        is_end = message.status in ENDED
        if self._goal is not None and message.goal_id == self._goal[0].goal_id and is_end:
            self.close()

    def on_demonstration(self, message: Any) -> None:
        states = message.states[0], message.states[-1]
        before, after = (
            Tabletop.from_entities(entity_states(s, self.setup.frame), self.setup.arm.workspace)
            for s in states
        )
        subjects, arguments = (
            tuple(map(int, ids)) for ids in (message.subjects, message.arguments)
        )
        start, end = (seconds(state.header.stamp) for state in states)
        label, source = str(message.name), 'demonstrations'
        self._keep(BagEvent(before, after, subjects, arguments, start, end, label, source))

    def close(self) -> None:
        """End what a command was doing."""
        if self._goal is None or self.scene is None:
            return
        goal, start, before = self._goal
        self._goal = None
        roles = recorded_roles(goal)
        arguments = tuple(sorted({i for _, a in roles for i in a}))
        moved, label = tuple(int(i) for i in goal.moved), str(goal.expression)
        after, end, source = self.scene, self.time, 'commands'
        self._keep(BagEvent(before, after, moved, arguments, start, end, label, source))

    def _keep(self, event: BagEvent) -> None:
        if len(self.events[event.source]) < MAX_EVENTS:
            self.events[event.source].append(event)


def recorded_events(
    path: Path, setup: RecordedSetup, namespace: str | None = None
) -> list[BagEvent]:
    """Find the events of a bag, see `bag_events`, or of an NPZ file of demonstrations.

    What a file says of who is meant is not kept.

    Raises:
        ConceptControlError: if it cannot be read, or shows nothing.
    """
    if path.suffix not in ('.npz', '.npy'):
        with Bag(path) as bag:
            return bag_events(bag, setup, namespace)
    shown, found = read_npz(path, []), []
    for row in range(len(shown)):
        before, after = scenes_of(shown, row)
        label, moved = f'demonstration {row + 1}', moved_ids(before, after)
        found.append(BagEvent(before, after, moved, (), 0.0, 0.0, label, 'arrays'))
    return found


def bag_events(
    bag: Bag,
    setup: RecordedSetup,
    namespace: str | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[BagEvent]:
    """Find the events of a bag.

    Args:
        bag: Bag to read.
        setup: Set-up of the recording.
        namespace: Namespace of the robot; None for the only one.
        progress: Callback after every message.

    Raises:
        BagError: if the bag shows no entities and no demonstrations.
    """
    watcher = _Watcher(setup)
    handlers = {
        topic.ENTITIES: watcher.on_entities,
        topic.DEMONSTRATIONS: watcher.on_demonstration,
        topic.MARKER: watcher.on_marker,
        topic.GOAL: watcher.on_goal,
        topic.STATUS: watcher.on_status,
    }
    specs = topic.find_topics(bag, tuple(handlers), namespace).specs
    problems: list[str] = []
    for name, _, message in bag.messages(set(specs)):
        try:
            handlers[specs[name]](message)
        except (ConceptControlError, IndexError) as error:
            problems.append(f'{name}: {error}')
        progress()
    watcher.close()
    for source in ('demonstrations', 'markers', 'commands'):
        if watcher.events[source]:
            return watcher.events[source]
    if watcher.first is None or watcher.scene is None:
        raise BagError(
            f'{bag.path} shows nothing on the table: no usable message of entities or '
            'demonstrations' + ''.join(f'; {problem}' for problem in problems[:1])
        )
    start, before = watcher.first
    moved = moved_ids(before, watcher.scene)
    return [BagEvent(before, watcher.scene, moved, (), start, watcher.time, '', 'whole bag')]
