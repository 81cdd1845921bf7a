"""`concept_control benchmark perception-node`: random tables and carries through the running node.

The images travel as messages to an `entity_extractor` process, joint states and the suction's
state beside them, and what comes back is compared with the truth: the whole way from pixels to
`entities`, with nothing taken out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool
from tqdm import tqdm

from concept_control.benchmarks.perception.frames import judge, truths, visible_fraction
from concept_control.benchmarks.perception.report import (
    CAMERAS,
    Tally,
    print_sequences,
    summarise_sequences,
)
from concept_control.benchmarks.perception.sequences import Score, SequenceResult
from concept_control.errors import ConceptControlError
from concept_control.msg import EntityArray
from concept_control.paths import share_folder
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.process_graph import Graph, NodeProcess
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.carry_sequence import CarrySequence
from concept_control.simulation.clutter import random_clutter
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.entity import EntityStatus

PREFIXES = {'top': 'camera', 'oblique': 'oblique'}
"""Topic prefix of each simulated camera."""

DEADLINE = 20.0
"""Seconds the node may take to answer."""

RETRY = 2.0
"""Seconds after which images are sent again: sensor topics are best effort."""


class ImagePlayer:
    """Publishes images and waits for the entities made of them.

    Attributes:
        node: Node that publishes.
    """

    def __init__(
        self, names: Sequence[str], backend: str, noise: StructuredLightNoise | None = None
    ) -> None:
        """Advertise the simulated cameras, the most important first; noise may be None."""
        self.node: Node = rclpy.create_node('image_player')
        self._names, self._backend, self._noise = tuple(names), backend, noise
        self._heard: dict[float, EntityArray] = {}
        create = self.node.create_publisher
        self._topics = {
            name: (
                create(CameraInfo, f'{PREFIXES[name]}/color/camera_info', qos.RELIABLE),
                create(Image, f'{PREFIXES[name]}/color/image_raw', qos.RELIABLE),
                create(Image, f'{PREFIXES[name]}/depth/image_raw', qos.RELIABLE),
            )
            for name in self._names
        }
        self._joints = create(JointState, 'joint_states', qos.RELIABLE)
        self._suction = create(Bool, 'suction_state', qos.LATCHED)
        self.node.create_subscription(EntityArray, 'entities', self._hear, qos.RELIABLE)

    def node_parameters(self) -> dict[str, Any]:
        """Return where the cameras are, for the node; the same on every table."""
        parameters: dict[str, Any] = {
            'use_sim_time': False,
            # The tables have all sorts of colours.
            'table_color': [0.0, 0.0, 0.0],
            'cameras': [PREFIXES[name] for name in self._names],
        }
        return parameters | {f'{PREFIXES[name]}.scene_camera': name for name in self._names}

    @contextmanager
    def cameras(self, model: Any) -> Iterator[list[SimulatedCamera]]:
        """Open the cameras of a scene's model."""
        with ExitStack() as stack:
            yield [
                stack.enter_context(SimulatedCamera(model, name, 640, 480, self._backend))
                for name in self._names
            ]

    def tell_arm(
        self, joints: Sequence[str], positions: np.ndarray, is_attached: bool, stamp: float
    ) -> None:
        """Publish where the arm is and whether it holds something."""
        header = convert.header(stamp, '')
        self._joints.publish(
            JointState(header=header, name=list(joints), position=positions.tolist())
        )
        self._suction.publish(Bool(data=is_attached))

    def show(
        self,
        cameras: Sequence[SimulatedCamera],
        data: Any,
        stamp: float,
        graph: Graph,
        rng: np.random.Generator,
    ) -> tuple[EntityArray, float]:
        """Show what the cameras see of a state.

        Args:
            cameras: Cameras from `cameras`.
            data: State of their model.
            stamp: Stamp of the images [s].
            graph: Graph whose processes are checked while waiting.
            rng: Random generator of the noise.

        Returns:
            Entities, and the time from the last image to the answer [s].

        Raises:
            ConceptControlError: If the node does not answer.
        """
        images = []
        for camera in cameras:
            color, depth = camera.render(data)
            if self._noise is not None:
                color, depth = self._noise.apply(rng, color, depth, camera.intrinsics.fx)
            images.append((color, depth.astype(np.float32)))
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            # The first camera sets the pace: the others' images come before.
            for name, camera, (color, depth) in reversed(list(zip(self._names, cameras, images))):
                info, colors, depths = self._topics[name]
                header = convert.header(stamp, f'{name}_optical_frame')
                info.publish(convert.camera_info_message(camera.intrinsics, header))
                colors.publish(convert.image_message(color, 'rgb8', header))
                depths.publish(convert.image_message(depth, '32FC1', header))
            sent = time.monotonic()
            while time.monotonic() < sent + RETRY:
                rclpy.spin_once(self.node, timeout_sec=0.05)
                answer = self._heard.pop(round(stamp, 3), None)
                if answer is not None:
                    return answer, time.monotonic() - sent
            graph.check()
        raise ConceptControlError('entity_extractor does not answer')

    def _hear(self, message: EntityArray) -> None:
        self._heard[round(convert.seconds(message.header.stamp), 3)] = message


def tracked(message: EntityArray) -> list[TrackedEntity]:
    """Return the blocks of a message."""
    return [
        TrackedEntity(
            id=e.id,
            position=np.array([e.position.x, e.position.y, e.position.z]),
            covariance=np.array(e.covariance).reshape(3, 3),
            yaw=e.yaw,
            color=np.array([e.color.r, e.color.g, e.color.b]),
            size=np.array([e.size.x, e.size.y, e.size.z]),
            shape=e.shape,
            status=EntityStatus(e.status),
            last_seen=convert.seconds(e.last_seen),
        )
        for e in message.entities
        if e.id
    ]


FRAMES = 3
"""Frames of each table: a block must be seen twice before it gets an id."""

SHOWN = ('blocks', 'missed', 'false', 'median_mm', 'p95_mm', 'p99_mm', 'max_mm', 'color_median')
"""Numbers of a `Tally` that are told."""

SPACING = 60.0
"""Seconds between the stamps of one table or carry and the next, which has the earlier ones: time
that runs back makes the node start afresh."""


@dataclass(frozen=True)
class PerceptionNodeConfig:
    """What to measure, and where to write it.

    Attributes:
        scenes: Random tables.
        sequences: Carries that are followed.
        cameras: Number of cameras, 1 or 2.
        noise: Whether the cameras have the noise of structured light.
        backend: Renderer of the images, a name among `BACKENDS`.
        json: File for every number; None writes none.
    """

    scenes: int = 50
    sequences: int = 5
    cameras: int = 1
    noise: bool = False
    backend: str = 'auto'
    json: Path | None = None


def run(config: PerceptionNodeConfig) -> int:
    """Play tables and carries; 0 if nothing was missed and no identity switched."""
    rclpy.init()
    names = CAMERAS[: config.cameras]
    noise = StructuredLightNoise() if config.noise else None
    player = ImagePlayer(names, config.backend, noise)
    # Each table and carry has earlier stamps than the last one.
    start = SPACING * (config.scenes + config.sequences)
    tables = Tally()
    carries: list[SequenceResult] = []
    node = NodeProcess('entity_extractor', player.node_parameters())
    try:
        with (
            tempfile.TemporaryDirectory() as logs,
            Graph([node], share_folder() / 'config/demo.yaml', Path(logs)) as graph,
        ):
            for index in tqdm(range(config.scenes), desc='tables through the node'):
                play_table(player, graph, index, start, tables)
                start -= SPACING
            for index in tqdm(range(config.sequences), desc='carries through the node'):
                carries.append(play_carry(player, graph, index, start))
                start -= SPACING
    finally:
        player.node.destroy_node()
        rclpy.try_shutdown()
    kind = ' + '.join(names) + (', noise' if noise else '')
    measured = tables.summary()
    summary = {name: measured[name] for name in SHOWN}
    summary['answer_ms_median'] = measured['ms_median']
    followed = summarise_sequences(carries)
    print(
        f'{sentence()}\n{config.scenes} tables, {kind}, through the running node: '
        + '  '.join(f'{name} {value:.4g}' for name, value in summary.items())
    )
    print_sequences({' + '.join(names): followed}, is_noisy=config.noise, timed='to the answer')
    write_report(config.json, kind=kind, **summary, sequences=followed)
    return 0 if summary['missed'] == followed['switches'] == 0 else 1


def play_table(player: ImagePlayer, graph: Graph, index: int, start: float, tally: Tally) -> None:
    """Show one random table, and add up what was found, missed and false."""
    rng = np.random.default_rng(index)
    clutter = random_clutter(rng)
    blocks = truths(clutter)
    with player.cameras(clutter.model) as cameras:
        visible = np.max(
            [[_visible(camera, clutter.data, block) for block in blocks] for camera in cameras],
            axis=0,
        )
        for frame in range(FRAMES):
            stamp = round(start + 0.1 * frame, 3)
            answer, delay = player.show(cameras, clutter.data, stamp, graph, rng)
    found, false = judge(blocks, visible.tolist(), [frozenset()] * len(blocks), tracked(answer))
    tally.blocks += found
    tally.num_false += len(false)
    tally.seconds.append(delay)


def play_carry(player: ImagePlayer, graph: Graph, index: int, start: float) -> SequenceResult:
    """Show one carry; return how its blocks were followed."""
    rng = np.random.default_rng(index)
    sequence = CarrySequence(index)
    score = Score(len(sequence.scene.block_names))
    with player.cameras(sequence.scene.model) as cameras:
        for truth in sequence:
            stamp = round(start + truth.stamp, 6)
            player.tell_arm(
                sequence.scene.arm.joints, sequence.joint_positions, truth.held >= 0, stamp
            )
            answer, delay = player.show(cameras, sequence.data, stamp, graph, rng)
            score.result.seconds.append(delay)
            score.add(truth, tracked(answer))
    return score.result


def _visible(camera: SimulatedCamera, data: Any, block: Any) -> float:
    _, depth = camera.render(data)
    return visible_fraction(block, depth, camera.intrinsics, camera.T_world_camera(data))
