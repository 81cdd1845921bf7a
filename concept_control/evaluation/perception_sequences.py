"""How well blocks are followed while the arm hides, holds and releases them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from concept_control.perception.annotate import annotate
from concept_control.perception.fusion import fuse
from concept_control.perception.localisation import Detection, Detector
from concept_control.perception.tracking import HELD, EntityTracker, TrackedEntity
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.carry import CarryConfig, CarryFrame, CarrySequence
from concept_control.simulation.scene import TABLE_COLOR

SETTLING_FRAMES = 3
"""Frames until every block is expected to be known."""

LOST_DISTANCE = 0.04
"""An entity farther from its block than this has lost it [m]."""


@dataclass
class SequenceResult:
    """One carry sequence.

    Attributes:
        num_frames: of the sequence.
        switches: times an id went from one block to another or a block changed its id.
        lost: block-frames in which no entity stood for a block, after the first frames.
        extra: entity-frames in which an entity stood for no block.
        errors: by status, distances of entities to their blocks [m].
        doubts: by status, squared errors in units of the claimed covariance, 3 on average if that
            is right.
        wrong_holds: frames in which the wrong block, or none, was taken for the held one.
        seconds: CPU time of each frame: detection in all cameras, fusion and tracking.
    """

    num_frames: int = 0
    switches: int = 0
    lost: int = 0
    extra: int = 0
    wrong_holds: int = 0
    errors: dict[str, list[float]] = field(default_factory=dict)
    doubts: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def evaluate_sequence(
    seed: int,
    cameras: Sequence[str] = ('top',),
    noise: StructuredLightNoise | None = None,
    config: CarryConfig | None = None,
    backend: str = 'auto',
    watch: Callable[[CarryFrame, list[TrackedEntity], np.ndarray], None] | None = None,
) -> SequenceResult:
    """Follow one scripted sequence and compare with the truth.

    Args:
        seed: of the sequence and the noise.
        cameras: whose detections are used, fused if several.
        noise: of the cameras; None for perfect ones.
        config: of the sequence.
        backend: of the simulated cameras.
        watch: called with each frame's truth, entities and annotated picture of the first camera.
    """
    sequence = CarrySequence(seed, config)
    rng = np.random.default_rng(seed)
    views = [SimulatedCamera(sequence.scene.model, name, 640, 480, backend) for name in cameras]
    detectors = [Detector(view.intrinsics, table_color=np.array(TABLE_COLOR)) for view in views]
    tracker = EntityTracker()
    score = _Score(len(sequence.scene.block_names))
    for truth in sequence:
        images = [view.render(sequence.data) for view in views]
        if noise is not None:
            images = [
                noise.apply(rng, *image, view.intrinsics.fx) for image, view in zip(images, views)
            ]
        start = time.thread_time()
        seen: list[list[Detection]] = [
            detector.detect(*image, view.T_world_camera(sequence.data))
            for image, view, detector in zip(images, views, detectors)
        ]
        entities = tracker.update(
            fuse(seen),
            truth.stamp,
            truth.tool_position,
            truth.held >= 0,
            truth.tool_yaw,
            hidden=lambda position, size: all(d.could_hide(position, size) for d in detectors),
        )
        score.result.seconds.append(time.thread_time() - start)
        score.add(truth, entities)
        if watch is not None:
            pose = views[0].T_world_camera(sequence.data)
            caption = f'{truth.stamp:.2f} s'
            drawn = annotate(images[0][0], views[0].intrinsics, pose, entities, caption=caption)
            watch(truth, entities, drawn)
    for view in views:
        view.close()
    return score.result


class _Score:
    """Adds up a sequence."""

    def __init__(self, num_blocks: int) -> None:
        self.result = SequenceResult()
        self._owner: dict[int, int] = {}
        self._id_of: dict[int, int] = {}
        self._num_blocks = num_blocks

    def add(self, truth: CarryFrame, entities: Sequence[TrackedEntity]) -> None:
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
            result.doubts.setdefault(entity.status, []).append(normalised)
        if result.num_frames > SETTLING_FRAMES:
            result.lost += self._num_blocks - len(taken)
        if truth.held >= 0:
            held = taken.get(truth.held)
            result.wrong_holds += held is None or held.status != HELD
        result.wrong_holds += sum(
            entity.status == HELD and block != truth.held for block, entity in taken.items()
        )
