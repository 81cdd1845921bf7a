"""Replay evaluation: one pass over a bag, everything recomputed and compared.

No ROS, no clock of this machine and no randomness beyond recorded seeds: the same bag and the
same model give the same numbers, digit for digit. Memory does not grow with the bag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError
from concept_control.interfaces.constants import TEACH_PHASE, GoalKind, GoalStatus
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.interfaces.joint_states import JointStateReader
from concept_control.perception.image_synchronizer import COLOR, DEPTH
from concept_control.replay.command import GoalReplay
from concept_control.replay.concepts import ReplayLibrary
from concept_control.replay.images import ImageReplay
from concept_control.replay.predicate import Seen
from concept_control.replay.series import Gaps, Jerk, Refused
from concept_control.reports.json_file import rounded
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.tabletop import Tabletop

MAX_COMMANDS = 1000
"""Commands of one bag that are reported; later ones are counted only."""

NUM_FRAMES = 8
"""Scenes kept of each command, and camera frames shown of it."""


@dataclass
class Replayed:
    """The result of one bag.

    Attributes:
        report: Plain numbers and texts, ready for JSON.
        frames: Some scenes of each command with their times since it was given [s].
        camera_frames: Stamps [s] and small camera images, (H, W, 3) uint8 RGB.
    """

    report: dict[str, Any]
    frames: list[list[tuple[float, Tabletop]]]
    camera_frames: list[tuple[float, np.ndarray]]


class Replay:
    """One pass over a bag."""

    def __init__(
        self,
        bag: Bag,
        setup: RecordedSetup,
        model: ConceptModel,
        tolerance: float,
        namespace: str | None = None,
    ) -> None:
        """Find the topics of the bag; `tolerance` is that of the predicate [m].

        Raises:
            BagError: if the bag has none of the topics needed.
        """
        self._bag, self._setup = bag, setup
        self._tolerance = float(setup.arm.workspace.length_to_workspace(tolerance))
        self._library = ReplayLibrary(model)
        color, depth, info = topic.camera(setup.camera, bag)
        self._reader = JointStateReader([setup.joint_prefix + j for j in setup.arm.joints])
        self._images = ImageReplay(setup, self._on_seen)
        self._time = 0.0
        self._handlers: dict[topic.TopicSpec, Callable[[Any], None]] = {
            topic.ENTITIES: self._on_entities,
            topic.GOAL: self._on_goal,
            topic.STATUS: self._on_status,
            topic.TRUTH: self._on_truth,
            topic.LIBRARY: self._library.add,
            topic.JOINTS: self._on_joints,
            topic.SUCTION: self._images.add_suction,
            color: self._on_color,
            depth: partial(self._images.add_image, DEPTH),
            info: self._images.add_info,
        }
        self._topics = topic.find_topics(bag, tuple(self._handlers), namespace)
        self._has_images = all(map(self._topics.has, (color, depth, info)))
        self._gaps = {spec.name: Gaps() for spec in (topic.ENTITIES, topic.JOINTS, color)}
        self._color = color.name
        self._jerk = Jerk()
        self._goal: GoalReplay | None = None
        self._states: dict[int, EntityState] = {}
        self._entities: Any = None
        self._truth: Any = None
        self._commands: list[dict[str, Any]] = []
        self._frames: list[list[tuple[float, Tabletop]]] = []
        self._refused: list[dict[str, str]] = []
        self._num_commands = 0
        self._unusable: dict[str, Refused] = {}

    def run(self, progress: Callable[[], object] = lambda: None) -> Replayed:
        """Read the bag to its end.

        Args:
            progress: Callback after every message.
        """
        specs = self._topics.specs
        for name, time, message in self._bag.messages(set(specs)):
            self._time = time
            try:
                self._handlers[specs[name]](message)
            except ConceptControlError as error:
                refused = self._unusable.setdefault(name, Refused(f'messages of {name}'))
                refused.add(str(error))
            progress()
        self._finish_goal()
        return Replayed(rounded(self._report()), self._frames, self._images.camera_frames.items)

    def _on_entities(self, message: Any) -> None:
        states = entity_states(message, self._setup.frame)
        stamp = seconds(message.header.stamp)
        self._gaps[topic.ENTITIES.name].add(stamp)
        self._states, self._entities = states, message
        self._images.add_recorded(stamp, states)
        if self._goal is not None and stamp >= self._goal.start:
            self._goal.add_entities(stamp, states, 'recorded')

    def _on_seen(self, stamp: float, seen: dict[int, EntityState]) -> None:
        """Give entities seen again the ids of the recorded ones next to them."""
        if self._goal is None or stamp < self._goal.start:
            return
        renamed = {}
        for i, state in self._states.items():
            if i == TOOL_ID or not seen:
                continue
            nearest = min(seen.values(), key=lambda s: float(np.linalg.norm(s.xy - state.xy)))
            if np.linalg.norm(nearest.xy - state.xy) < state.width:
                renamed[i] = nearest
        self._goal.add_entities(stamp, renamed, 'images')

    def _on_truth(self, message: Any) -> None:
        states = entity_states(message, message.header.frame_id)
        self._truth = message
        stamp = seconds(message.header.stamp)
        if self._goal is not None and stamp >= self._goal.start:
            self._goal.add_truth(stamp, states)

    def _on_goal(self, message: Any) -> None:
        if message.command != GoalKind.ACHIEVE or not message.terms:
            return
        if self._goal is not None and int(message.goal_id) == self._goal.goal_id:
            return  # latched: the same once more
        self._finish_goal()
        self._num_commands += 1
        seen = Seen(self._states, self._entities, self._truth)
        workspace = self._setup.arm.workspace
        self._goal = GoalReplay(message, seen, workspace, self._library, self._tolerance)

    def _on_status(self, message: Any) -> None:
        if message.status == GoalStatus.REFUSED:
            if message.phase == TEACH_PHASE:
                return  # demonstrations were refused, no command
            if self._goal is not None and int(message.goal_id) == self._goal.goal_id:
                # The controller refused it: whatever holds, nothing was done for it.
                self._goal = None
                self._num_commands -= 1
            if len(self._refused) < MAX_COMMANDS:
                self._refused.append(
                    {'expression': str(message.expression), 'text': str(message.text)}
                )
            return
        goal = self._goal
        if goal is not None and int(message.goal_id) == goal.goal_id:
            goal.add_status(seconds(message.header.stamp), message)

    def _on_joints(self, message: Any) -> None:
        reading = self._reader.read(message, self._time)
        if reading is None:
            raise CommandError(self._reader.foreign)
        stamp, positions, velocities = reading
        self._gaps[topic.JOINTS.name].add(stamp)
        self._images.add_joints(stamp, positions)
        self._jerk.add(stamp, velocities)

    def _on_color(self, message: Any) -> None:
        self._gaps[self._color].add(seconds(message.header.stamp))
        self._images.add_image(COLOR, message)

    def _finish_goal(self) -> None:
        goal, self._goal = self._goal, None
        if goal is not None and len(self._commands) < MAX_COMMANDS:
            self._commands.append(goal.finish())
            self._frames.append(goal.frames(NUM_FRAMES))

    def _report(self) -> dict[str, Any]:
        bag, images = self._bag, self._images
        notes = [*bag.notes, *self._topics.notes, *self._library.notes]
        notes += [refused.note for refused in self._unusable.values()]
        notes += [*self._reader.assumptions, *images.notes]
        for spec, without in (
            (topic.GOAL, 'no command was recorded: nothing to judge'),
            (topic.TRUTH, 'no ground_truth was recorded: judged on the perceived entities'),
        ):
            if not self._topics.has(spec):
                notes.append(without)
        if self._has_images and images.reason:
            notes.append(f'entities were not seen again: {images.reason}')
        achieved = [bool(command['holds']) for command in self._commands]
        return {
            'bag': Path(bag.path).name,
            'storage': bag.storage,
            'namespace': self._topics.namespace,
            'success': all(achieved) and not self._refused if achieved or self._refused else None,
            'num_commands': self._num_commands + len(self._refused),
            'num_succeeded': sum(achieved),
            'model': self._library.model.fingerprint,
            'notes': notes,
            'commands': self._commands,
            'refused': self._refused,
            'perception': images.report() if self._has_images and not images.reason else None,
            'inputs': {
                name: {
                    'messages': gaps.num,
                    'rate_hz': gaps.rate,
                    'longest_gap_s': gaps.longest,
                    'longest_gap_at_s': gaps.longest_at,
                    'stamps_that_went_back': gaps.num_back,
                }
                for name, gaps in self._gaps.items()
                if gaps.num
            },
            'jerk': {'rms': self._jerk.rms, 'peak': self._jerk.peak, 'samples': self._jerk.num}
            if self._jerk.num
            else None,
            'messages': {t.name: t.num_messages for t in bag.topics.values()},
        }
