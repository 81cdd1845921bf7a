"""`concept_control benchmark perception-node`: random tables through the running node.

The images travel as messages to an `entity_extractor` process, and what comes back is compared
with the truth: the whole way from pixels to `entities`, with nothing taken out.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from tqdm import tqdm

from concept_control.errors import ConceptControlError
from concept_control.evaluation.perception_scenes import (
    MATCH_DISTANCE,
    truths,
    visible_fraction,
)
from concept_control.evaluation.provenance import provenance, sentence
from concept_control.msg import EntityArray
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.demo import graph_environment
from concept_control.ros.processes import Graph, NodeProcess, share_folder
from concept_control.simulation.camera import BACKENDS, SimulatedCamera
from concept_control.simulation.clutter import Clutter, random_clutter

FRAMES = 3
"""Of each table: a block must be seen twice before it gets an id."""

HALF_VISIBLE = 0.5
DEADLINE = 20.0
"""Seconds the node may take for one table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--scenes', type=int, default=50, help='(default: %(default)s)')
    parser.add_argument('--backend', choices=BACKENDS, default='auto', help='what renders')
    parser.add_argument('--json', type=Path, help='write every number to this file')


def main(args: argparse.Namespace) -> int:
    """Play the tables; 0 if no block at least half visible was missed."""
    os.environ.update(graph_environment())
    rclpy.init()
    player = TablePlayer(args.backend)
    errors: list[float] = []
    delays: list[float] = []
    missed = false = 0
    try:
        clutter = random_clutter(np.random.default_rng(0))
        with (
            tempfile.TemporaryDirectory() as logs,
            Graph(
                [NodeProcess('entity_extractor', player.node_parameters(clutter))],
                share_folder() / 'config/demo.yaml',
                Path(logs),
            ) as graph,
        ):
            for index in tqdm(range(args.scenes), desc='tables through the node'):
                clutter = random_clutter(np.random.default_rng(index))
                found, visible, delay = player.play(clutter, 10.0 * (args.scenes - index), graph)
                blocks = truths(clutter)
                matched = match(found, np.array([block.position for block in blocks]))
                errors += [1e3 * matched[i] for i in matched if visible[i] >= HALF_VISIBLE]
                missed += sum(
                    share >= HALF_VISIBLE and i not in matched for i, share in enumerate(visible)
                )
                false += len(found) - len(matched)
                delays.append(1e3 * delay)
    finally:
        player.node.destroy_node()
        rclpy.try_shutdown()
    summary = {
        'tables': args.scenes,
        'blocks': len(errors) + missed,
        'missed': missed,
        'false': false,
        'median_mm': float(np.median(errors)),
        'p95_mm': float(np.percentile(errors, 95)),
        'p99_mm': float(np.percentile(errors, 99)),
        'max_mm': float(np.max(errors)),
        'answer_ms_median': float(np.median(delays)),
    }
    print(sentence())
    print('  '.join(f'{name} {value:.4g}' for name, value in summary.items()))
    if args.json:
        args.json.write_text(json.dumps({'provenance': provenance(), **summary}, indent=2) + '\n')
    return 0 if missed == 0 else 1


class TablePlayer:
    """Publishes the images of a table and waits for the entities made of them."""

    def __init__(self, backend: str) -> None:
        self.node: Node = rclpy.create_node('table_player')
        self._backend = backend
        self._heard: dict[float, EntityArray] = {}
        create = self.node.create_publisher
        self._info = create(CameraInfo, 'camera/color/camera_info', qos.RELIABLE)
        self._color = create(Image, 'camera/color/image_raw', qos.RELIABLE)
        self._depth = create(Image, 'camera/depth/image_raw', qos.RELIABLE)
        self.node.create_subscription(EntityArray, 'entities', self._hear, qos.RELIABLE)

    def node_parameters(self, clutter: Clutter) -> dict[str, object]:
        """Return where the camera of the tables is, for the node."""
        camera = SimulatedCamera(clutter.model, 'top', 64, 48, 'raycast')
        pose = camera.T_world_camera(clutter.data)
        return {
            'use_sim_time': False,
            'camera.position': pose[:3, 3].tolist(),
            'camera.rotation': Rotation.from_matrix(pose[:3, :3]).as_quat().tolist(),
        }

    def play(
        self, clutter: Clutter, start: float, graph: Graph
    ) -> tuple[np.ndarray, list[float], float]:
        """Show a table.

        Args:
            clutter: the table.
            start: stamp of the first frame [s]; earlier than the last table's, so that the
                tracker starts afresh.
            graph: watched while waiting.

        Returns:
            (M, 3) positions found, the visible share of each block, and the time from the last
            image to the answer [s].

        Raises:
            ConceptControlError: if the node does not answer.
        """
        camera = SimulatedCamera(clutter.model, 'top', 640, 480, self._backend)
        color, depth = camera.render(clutter.data)
        pose = camera.T_world_camera(clutter.data)
        visible = [
            visible_fraction(block, depth, camera.intrinsics, pose) for block in truths(clutter)
        ]
        for frame in range(FRAMES):
            stamp = round(start + 0.1 * frame, 3)
            header = convert.header(stamp, 'camera_optical_frame')
            deadline = time.monotonic() + DEADLINE
            answer: EntityArray | None = None
            while answer is None:
                sent = time.monotonic()
                self._info.publish(convert.camera_info_message(camera.intrinsics, header))
                self._color.publish(convert.image_message(color, 'rgb8', header))
                self._depth.publish(
                    convert.image_message(depth.astype(np.float32), '32FC1', header)
                )
                while answer is None and time.monotonic() < sent + 2.0:
                    rclpy.spin_once(self.node, timeout_sec=0.05)
                    answer = self._heard.pop(stamp, None)
                graph.check()
                if answer is None and time.monotonic() > deadline:
                    raise ConceptControlError('entity_extractor does not answer')
        camera.close()
        delay = time.monotonic() - sent
        assert answer is not None
        found = np.array([[e.position.x, e.position.y, e.position.z] for e in answer.entities])
        return found.reshape(-1, 3), visible, delay

    def _hear(self, message: EntityArray) -> None:
        self._heard[round(convert.seconds(message.header.stamp), 3)] = message


def match(found: np.ndarray, true: np.ndarray) -> dict[int, float]:
    """Assign detections (M, 3) to blocks (N, 3); return distances [m] by block."""
    distance = np.linalg.norm(true[:, None] - found[None], axis=-1)
    rows, columns = linear_sum_assignment(np.minimum(distance, 10 * MATCH_DISTANCE))
    return {
        int(row): float(distance[row, column])
        for row, column in zip(rows, columns)
        if distance[row, column] <= MATCH_DISTANCE
    }
