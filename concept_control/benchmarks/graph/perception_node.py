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
from concept_control.benchmarks.perception.frames import match, truths, visible_fraction
from concept_control.benchmarks.perception.report import CAMERAS, print_sequences
from concept_control.benchmarks.perception.sequences import Score, SequenceResult
from concept_control.benchmarks.perception.tally import HALF_VISIBLE, summarise_sequences
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
    tables: list[dict[str, Any]] = []
    carries: list[SequenceResult] = []
    node = NodeProcess('entity_extractor', player.node_parameters())
    try:
        with (
            tempfile.TemporaryDirectory() as logs,
            Graph([node], share_folder() / 'config/demo.yaml', Path(logs)) as graph,
        ):
            for index in tqdm(range(config.scenes), desc='tables through the node'):
                tables.append(play_table(player, graph, index, start))
                start -= SPACING
            for index in tqdm(range(config.sequences), desc='carries through the node'):
                carries.append(play_carry(player, graph, index, start))
                start -= SPACING
    finally:
        player.node.destroy_node()
        rclpy.try_shutdown()
    kind = ' + '.join(names) + (', noise' if noise else '')
    summary = summarise_tables(tables)
    followed = summarise_sequences(carries)
    print(
        f'{sentence()}\n{config.scenes} tables, {kind}, through the running node: '
        + '  '.join(f'{name} {value:.4g}' for name, value in summary.items())
    )
    print_sequences({' + '.join(names): followed}, is_noisy=config.noise, timed='to the answer')
    write_report(config.json, kind=kind, **summary, sequences=followed)
    return 0 if summary['missed'] == followed['switches'] == 0 else 1


def play_table(player: ImagePlayer, graph: Graph, index: int, start: float) -> dict[str, Any]:
    """Show one random table; return its blocks' errors, what was missed and what was false."""
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
    matched, false = match(blocks, tracked(answer))
    judged = [
        (block, entity)
        for block, entity, share in zip(blocks, matched, visible)
        if share >= HALF_VISIBLE
    ]
    found = [(block, entity) for block, entity in judged if entity is not None]
    return {
        'blocks': len(judged),
        'missed': len(judged) - len(found),
        'false': len(false),
        'errors': [1e3 * float(np.linalg.norm(e.position - b.position)) for b, e in found],
        'tints': [float(np.abs(e.color - b.color).max()) for b, e in found],
        'delay': 1e3 * delay,
    }


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


def summarise_tables(tables: list[dict[str, Any]]) -> dict[str, float]:
    """Add up what `play_table` returned."""

    def percentile(name: str, share: float) -> float:
        values = np.concatenate([np.ravel(table[name]) for table in tables] or [np.zeros(0)])
        return float(np.percentile(values, share)) if len(values) else float('nan')

    return {
        **{name: sum(table[name] for table in tables) for name in ('blocks', 'missed', 'false')},
        'median_mm': percentile('errors', 50),
        'p95_mm': percentile('errors', 95),
        'p99_mm': percentile('errors', 99),
        'max_mm': percentile('errors', 100),
        'color_median': percentile('tints', 50),
        'answer_ms_median': percentile('delay', 50),
    }
