"""`particle_world`: entities without any arm, moved by descending the goal's energy.

It publishes what `entity_extractor` would and answers goals as `mpc_controller` would, so that
concepts can be tried live: the same commands, points moving by Langevin descent.

Threads: callbacks store; one worker moves, publishes and draws.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import NoReturn

import cv2
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from concept_control.control.arm.description import ArmDescription
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.live_descent import LiveDescent
from concept_control.energy.model import ENERGIES, ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.interfaces.goal_terms import program_of
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus, EntityArray
from concept_control.perception.annotate import write
from concept_control.reports.tables import counted
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter
from concept_control.ros.runtime.worker import Worker
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.world.entity import EntityState
from concept_control.world.tabletop import Tabletop

PICTURE_SIZE = 480
"""Side of the picture [pixels]."""


@dataclass
class Parameters:
    """Parameters of the node."""

    arm: str = parameter(
        'franka', 'name of a shipped arm or path of an arm YAML (for its workspace)'
    )
    frame: str = parameter('world', 'fixed frame of the entities')
    model: str = parameter('', 'folder of the trained model; empty: the one shipped')
    energy: str = parameter('agreement', 'energy of the concepts', choices=ENERGIES)
    seed: int = parameter(0, 'seed of the random layout', 0, 2**31 - 1)
    colors: list[str] = parameter(
        ['red', 'blue', 'green', 'yellow'], 'colours of the entities, one each, by name'
    )
    size: float = parameter(0.04, 'side of the entities [m]', 0.02, 0.08)
    min_gap: float = parameter(0.08, 'smallest gap between entities of the layout [m]', 0.0, 0.3)
    rate: float = parameter(20.0, 'steps per second', 1.0, 100.0)
    satisfied_energy: float = parameter(
        5e-4, 'energy below which each part of the goal holds', 1e-7, 1.0, is_live=True
    )
    max_steps: int = parameter(
        600, 'steps after which a goal is given up', 10, 100000, is_live=True
    )


class ParticleWorld(Node):
    """Moves particles to where a concept holds."""

    def __init__(self) -> None:
        super().__init__('particle_world')
        self.parameters = p = declare(self, Parameters)
        self.failure: Exception | None = None
        self.workspace = ArmDescription.load(p.arm).workspace
        self.model = ConceptModel.load(p.model or None, energy=p.energy)
        scene = build_scene(
            SceneConfig(
                num_blocks=len(p.colors),
                colors=list(p.colors),
                seed=p.seed,
                sizes=p.size,
                min_gap=p.min_gap,
                arm=p.arm,
            )
        )
        self._world = Tabletop(
            ids=tuple(range(1, len(p.colors) + 1)),
            positions=self.workspace.to_workspace(scene.initial_positions[:, :2]),
            colors=scene.colors,
            sizes=np.full(len(p.colors), self.workspace.length_to_workspace(p.size)),
        )
        self._goals: list[ConceptGoal] = []
        self._goal = ConceptGoal()
        self._descent: LiveDescent | None = None
        self._num_steps = 0
        self._status, self._text = ConceptStatus.IDLE, 'no goal'
        self._energy = float('nan')
        self._stop = threading.Event()
        self._entities = self.create_publisher(EntityArray, 'entities', qos.RELIABLE)
        self._truth = self.create_publisher(EntityArray, 'ground_truth', qos.RELIABLE)
        self._view = self.create_publisher(Image, 'view/image_raw', qos.RELIABLE)
        self._statuses = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        self.create_subscription(
            ConceptGoal, 'concept_goal', self._goals.append, qos.LATCHED_INPUT
        )
        self._worker = Worker(self, 'particles', self._work)
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        self._stop.set()
        self._worker.finish()

    def _work(self) -> None:
        while not self._stop.wait(1.0 / self.parameters.rate):
            self.work_once()

    def work_once(self) -> None:
        """Take new goals, descend by a step, publish; what the worker does at its rate."""
        while self._goals:
            self._take(self._goals.pop(0))
        if self._status == ConceptStatus.ACTIVE:
            self._move()
        self._publish()

    def _take(self, goal: ConceptGoal) -> None:
        match goal.command:
            case ConceptCommand.CANCEL:
                self._descent = None
                self._status, self._text = ConceptStatus.CANCELLED, 'cancelled as asked'
            case ConceptCommand.PAUSE if self._status == ConceptStatus.ACTIVE:
                self._status, self._text = ConceptStatus.PAUSED, 'paused'
            case ConceptCommand.RESUME if self._status == ConceptStatus.PAUSED:
                self._status, self._text = ConceptStatus.ACTIVE, 'resumed'
            case ConceptCommand.ACHIEVE:
                self._begin(goal)

    def _begin(self, goal: ConceptGoal) -> None:
        self._goal, self._descent, self._num_steps = goal, None, 0
        try:
            energy = GoalEnergy(self.model, program_of(goal.terms, self._world.ids))
        except ConceptControlError as error:
            self._status, self._text = ConceptStatus.REFUSED, str(error)
            return
        movable = self._world.mask([int(i) for i in goal.movable])
        self._descent = LiveDescent(energy, self._world.events(), movable, int(goal.seed))
        self._status, self._text = ConceptStatus.ACTIVE, 'descending the energy'

    def _move(self) -> None:
        assert self._descent is not None
        worst = self._descent.worst()
        positions, self._energy = self._descent.step()
        self._num_steps += 1
        if worst <= self.parameters.satisfied_energy:
            self._descent, self._status = None, ConceptStatus.SATISFIED
            self._text = f'it holds, after {counted(self._num_steps, "step")} of descent'
        elif self._num_steps >= self.parameters.max_steps:
            self._descent, self._status = None, ConceptStatus.FAILED
            self._text = (
                f'it does not hold after {counted(self._num_steps, "step")} of descent '
                f'(energy {self._energy:.2g})'
            )
        else:
            self._world = replace(self._world, positions=positions)

    def _publish(self) -> None:
        header = convert.header(convert.node_time(self), self.parameters.frame)
        world, side = self._world, self.parameters.size
        places = np.insert(self.workspace.to_world(world.positions), 2, side / 2, axis=1)
        entities = [
            convert.entity_message(
                i, EntityState(place, np.full(3, side), color), 'ball', header.stamp
            )
            for i, place, color in zip(world.ids, places, world.colors)
        ]
        message = EntityArray(header=header, entities=entities)
        self._entities.publish(message)
        self._truth.publish(message)
        self._statuses.publish(
            convert.status_message(
                header,
                'particle_world',
                goal_id=self._goal.goal_id,
                command_id=self._goal.command_id,
                status=self._status,
                phase='descend' if self._descent is not None else 'rest',
                expression=self._goal.expression,
                text=self._text,
                energy=self._energy,
                initial_energy=self._goal.initial_energy if self._goal.goal_id else float('nan'),
            )
        )
        if self._view.get_subscription_count():
            self._view.publish(convert.image_message(self._picture(), 'rgb8', header))

    def _picture(self) -> np.ndarray:
        """Draw the world: x to the right, y up, attended entities ringed."""
        picture = np.full((PICTURE_SIZE, PICTURE_SIZE, 3), 255, dtype=np.uint8)
        attended = {int(i) for term in self._goal.terms for i in term.arguments}
        pixels = PICTURE_SIZE / 2.2
        for i, (x, y), color, size in zip(
            self._world.ids, self._world.positions, self._world.colors, self._world.sizes
        ):
            center = (round(PICTURE_SIZE / 2 + pixels * x), round(PICTURE_SIZE / 2 - pixels * y))
            radius = round(pixels * size / 2)
            rgb = tuple(int(255 * c) for c in color)
            cv2.circle(picture, center, radius, rgb, -1, cv2.LINE_AA)
            ring = (255, 127, 14) if i in attended else (120, 120, 120)
            cv2.circle(picture, center, radius + 4 * (i in attended), ring, 2, cv2.LINE_AA)
            write(picture, f'#{i}', (center[0] + radius + 8, center[1]), (255, 255, 255), 0.5)
        return picture


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(ParticleWorld)
