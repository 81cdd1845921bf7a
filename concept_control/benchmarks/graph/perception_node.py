"""`concept_control benchmark perception-node`: random tables and carries through the running node.

The images travel as messages to an `entity_extractor` process, joint states and the suction's
state beside them, and what comes back is compared with the truth: the whole way from pixels to
`entities`, with nothing taken out.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from tqdm import tqdm

from concept_control.benchmarks.graph.image_player import ImagePlayer, tracked
from concept_control.benchmarks.perception.frames import judge, truths, visible_fraction
from concept_control.benchmarks.perception.report import CAMERAS, print_sequences
from concept_control.benchmarks.perception.sequences import Score, SequenceResult
from concept_control.benchmarks.perception.tally import Tally, summarise_sequences
from concept_control.paths import share_folder
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.runtime.process_graph import Graph, NodeProcess
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.carry_sequence import CarrySequence
from concept_control.simulation.clutter import random_clutter
from concept_control.simulation.simulated_camera import SimulatedCamera

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
