"""How well blocks are followed while the arm hides, holds and releases them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.detector import Detection, Detector
from concept_control.perception.tracking.fusion import fuse
from concept_control.perception.tracking.tracker import EntityTracker, TrackedEntity
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.carry_sequence import CarryFrame, CarrySequence
from concept_control.simulation.scene import TABLE_COLOR
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.boxes import OrientedBoxes
from concept_control.world.entity import EntityStatus

SETTLING_FRAMES = 3
"""Frames until every block is expected to be known."""

LOST_DISTANCE = 0.04
"""Distance of an entity from its block [m] beyond which the block is lost."""


class Still(NamedTuple):
    """One moment of a carry.

    Attributes:
        truth: True state of the scene.
        entities: Entities that the tracker knows.
        color: (H, W, 3) image.
        intrinsics: Intrinsics of its camera.
        T_world_camera: (4, 4) pose of its optical frame.
    """

    truth: CarryFrame
    entities: list[TrackedEntity]
    color: np.ndarray
    intrinsics: Intrinsics
    T_world_camera: np.ndarray


@dataclass
class SequenceResult:
    """One carry sequence.

    Attributes:
        num_frames: Frames of the sequence.
        switches: Times an id went from one block to another or a block changed its id.
        lost: Pairs of block and frame in which no entity stood for a block, after the first
            frames.
        extra: Pairs of entity and frame in which an entity stood for no block.
        errors: Distances of entities to their blocks [m], by status.
        normalised_errors: Squared errors in units of the claimed covariance, by status; 3 on
            average if that is right.
        wrong_holds: Frames in which the wrong block, or none, was taken for the held one.
        seconds: CPU time of each frame: detection in all cameras, fusion and tracking.
    """

    num_frames: int = 0
    switches: int = 0
    lost: int = 0
    extra: int = 0
    wrong_holds: int = 0
    errors: dict[EntityStatus, list[float]] = field(default_factory=dict)
    normalised_errors: dict[EntityStatus, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def evaluate_sequence(
    seed: int,
    rigs: Sequence[Sequence[str]] = (('top',),),
    noise: StructuredLightNoise | None = None,
    backend: str = 'auto',
    watch: Callable[[Still], None] | None = None,
) -> list[SequenceResult]:
    """Follow one scripted sequence and compare with the truth.

    Args:
        seed: Seed of the sequence and the noise.
        rigs: Sets of cameras; each follows the sequence on its own, what its cameras see fused.
        noise: Noise of the cameras; None for perfect ones.
        backend: Renderer of the simulated cameras.
        watch: Function that gets each moment as the first camera of the first rig shows it.

    Returns:
        One result per rig.
    """
    sequence = CarrySequence(seed)
    rng = np.random.default_rng(seed)
    boxes = ArmBoxes(sequence.scene.arm)
    names = list(dict.fromkeys(name for rig in rigs for name in rig))
    detectors = {name: _CameraDetector(sequence, name, backend) for name in names}
    trackers = [EntityTracker() for _ in rigs]
    scores = [Score(len(sequence.scene.block_names)) for _ in rigs]
    for truth in sequence:
        robot = boxes.at(sequence.joint_positions)
        for camera in detectors.values():
            camera.look(sequence, robot, noise, rng)
        for rig, tracker, score in zip(rigs, trackers, scores):
            cameras = [detectors[name] for name in rig]
            entities, seconds = _follow(tracker, cameras, truth)
            score.result.seconds.append(seconds)
            score.add(truth, entities)
            if watch is not None and rig is rigs[0]:
                first = cameras[0]
                watch(Still(truth, entities, first.color, first.view.intrinsics, first.pose))
    for camera in detectors.values():
        camera.view.close()
    return [score.result for score in scores]


def _follow(
    tracker: EntityTracker, cameras: Sequence[_CameraDetector], truth: CarryFrame
) -> tuple[list[TrackedEntity], float]:
    """Return what a tracker makes of the detections of some cameras, and the CPU time [s]."""
    start = time.thread_time()
    entities = tracker.update(
        fuse([camera.found for camera in cameras]),
        truth.stamp,
        truth.tool_position,
        truth.held >= 0,
        truth.tool_yaw,
        hidden=lambda *body: all(camera.detector.could_hide(*body) for camera in cameras),
    )
    seconds = time.thread_time() - start
    return entities, seconds + sum(camera.seconds for camera in cameras)


class _CameraDetector:
    """One camera and its detections in the present frame."""

    def __init__(self, sequence: CarrySequence, name: str, backend: str) -> None:
        self.view = SimulatedCamera(sequence.scene.model, name, 640, 480, backend)
        self.detector = Detector(self.view.intrinsics, table_color=np.array(TABLE_COLOR))
        self.found: list[Detection] = []
        self.seconds = 0.0

    def look(
        self,
        sequence: CarrySequence,
        robot: OrientedBoxes,
        noise: StructuredLightNoise | None,
        rng: np.random.Generator,
    ) -> None:
        self.color, depth = self.view.render(sequence.data)
        if noise is not None:
            self.color, depth = noise.apply(rng, self.color, depth, self.view.intrinsics.fx)
        self.pose = self.view.T_world_camera(sequence.data)
        start = time.thread_time()
        self.found = self.detector.detect(self.color, depth, self.pose, robot)
        self.seconds = time.thread_time() - start


class Score:
    """Adds up what is known of a sequence, frame by frame."""

    def __init__(self, num_blocks: int) -> None:
        """Start with nothing seen of so many blocks."""
        self.result = SequenceResult()
        self._owner: dict[int, int] = {}
        self._id_of: dict[int, int] = {}
        self._num_blocks = num_blocks

    def add(self, truth: CarryFrame, entities: Sequence[TrackedEntity]) -> None:
        """Compare what is known at one moment with the truth."""
        result = self.result
        result.num_frames += 1
        taken: dict[int, TrackedEntity] = {}
        for entity in entities:
            distances = np.linalg.norm(truth.positions - entity.position, axis=1)
            block = int(np.argmin(distances))
            if distances[block] > LOST_DISTANCE or block in taken:
                result.extra += 1
                continue
            taken[block] = entity
            if self._owner.setdefault(entity.id, block) != block:
                result.switches += 1
                self._owner[entity.id] = block
            if self._id_of.setdefault(block, entity.id) != entity.id:
                result.switches += 1
                self._id_of[block] = entity.id
            error = entity.position - truth.positions[block]
            normalised = float(error @ np.linalg.solve(entity.covariance, error))
            result.errors.setdefault(entity.status, []).append(float(distances[block]))
            result.normalised_errors.setdefault(entity.status, []).append(normalised)
        if result.num_frames > SETTLING_FRAMES:
            result.lost += self._num_blocks - len(taken)
        if truth.held >= 0:
            held = taken.get(truth.held)
            result.wrong_holds += held is None or held.status != EntityStatus.HELD
        result.wrong_holds += sum(
            entity.status == EntityStatus.HELD and block != truth.held
            for block, entity in taken.items()
        )
