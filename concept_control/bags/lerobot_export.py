"""A bag's events as a LeRobot dataset: one episode for each demonstration or command."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concept_control.bags import topics as topic
from concept_control.bags.demonstrated_events import BagEvent, bag_events
from concept_control.bags.lerobot import Episode, write_dataset
from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup
from concept_control.errors import BagError, CommandError, PerceptionError
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.interfaces.joint_states import JointStateReader
from concept_control.world.entity import TOOL_ID

STATE, SCENE, ACTION = 'observation.state', 'observation.environment_state', 'action'
"""Columns: joint positions [rad], x and y of each thing [m], joint positions of the next frame."""


def export_bag(
    source: Path, target: Path, setup: RecordedSetup, namespace: str | None, fps: int
) -> int:
    """Write a bag's events as a dataset; return the number of its episodes.

    Args:
        source: Bag.
        target: Folder to make.
        setup: Set-up of the recording.
        namespace: Namespace of the robot; None for the only one.
        fps: Frames per second.

    Raises:
        BagError: if the bag shows nothing, or the folder exists.
    """
    with Bag(source) as bag:
        events = bag_events(bag, setup, namespace)
        scenes, joints = _series(bag, setup, namespace)
    ids = sorted(set.intersection(*({*e.before.ids} for e in events)) - {TOOL_ID})
    if not ids or not scenes:
        raise BagError(f'{source} shows no thing in all of its {len(events)} events')
    known = [(t, np.ravel([xy[i] for i in ids])) for t, xy in scenes if {*ids} <= {*xy}]
    names = {SCENE: [f'#{i}.{axis}' for i in ids for axis in 'xy']}
    if joints:
        names |= {STATE: list(setup.arm.joints), ACTION: list(setup.arm.joints)}
    episodes = [_episode(event, known, joints, fps) for event in events]
    write_dataset(target, episodes, names, fps, setup.arm.name)
    return len(episodes)


Series = list[tuple[float, np.ndarray]]


def _series(
    bag: Bag, setup: RecordedSetup, namespace: str | None
) -> tuple[list[tuple[float, dict[int, np.ndarray]]], Series]:
    """Return the things' places by id [m], and the joints' positions, with their stamps [s]."""
    reader = JointStateReader(
        [setup.joint_prefix + j for j in setup.arm.joints], with_velocities=False
    )
    specs = topic.find_topics(bag, (topic.ENTITIES, topic.JOINTS), namespace).specs
    scenes, joints = [], []
    for name, time, message in bag.messages(set(specs)):
        try:
            if specs[name] is topic.ENTITIES:
                states = entity_states(message, setup.frame)
                places = {i: state.xy for i, state in states.items()}
                scenes.append((seconds(message.header.stamp), places))
            elif reading := reader.read(message, time):
                joints.append((reading.stamp, reading.positions))
        except (CommandError, PerceptionError):
            continue  # `evaluate` names what is wrong with a bag
    return scenes, joints


def _episode(event: BagEvent, scenes: Series, joints: Series, fps: int) -> Episode:
    num_frames = max(2, 1 + round(fps * (event.end - event.start)))
    times = event.start + np.arange(num_frames) / fps
    columns = {SCENE: _at(scenes, times)}
    if joints:
        columns |= {STATE: _at(joints, times), ACTION: _at(joints, times + 1.0 / fps)}
    return Episode(event.label or 'what is shown', columns)


def _at(series: Series, times: np.ndarray) -> np.ndarray:
    """Return the last values (T, n) up to each time; the first ones before."""
    stamps = np.array([stamp for stamp, _ in series])
    rows = np.clip(np.searchsorted(stamps, times + 1e-6, side='right') - 1, 0, None)
    return np.stack([series[row][1] for row in rows])
