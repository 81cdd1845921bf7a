"""World, tracker and controller in one process and in simulated time: the loop without ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from concept_control.control.controller import ConceptController, ControlOutput
from concept_control.control.plan import Plan
from concept_control.control.tracker import PlanTracker
from concept_control.simulation.scene import Scene
from concept_control.simulation.world import SimulatedWorld
from concept_control.world.entity import EntityState

Perception = Callable[[SimulatedWorld], dict[int, EntityState]]
"""From the world to the entities seen in it, by id."""


@dataclass(frozen=True)
class LoopConfig:
    """Timing and noise of the closed loop.

    Attributes:
        control_period: Time between plans [s].
        plan_delay: Time from a joint state until its plan is followed [s]; may be longer than
            the control period, as on a busy machine.
        position_noise: Standard deviation of perceived block positions, each axis [m]; only
            without a perception of its own.
        entity_period: Time between perceived entities [s].
        entity_delay: Time until perceived entities are known [s].
        seed: Seed of the noise.
    """

    control_period: float = 0.02
    plan_delay: float = 0.004
    position_noise: float = 0.0
    entity_period: float = 0.1
    entity_delay: float = 0.0
    seed: int = 0


class ClosedLoop:
    """Runs a controller on a simulated world, deterministically and as fast as it goes."""

    def __init__(
        self,
        scene: Scene,
        controller: ConceptController,
        config: LoopConfig | None = None,
        perception: Perception | None = None,
    ) -> None:
        """Close the loop; without `perception` the true poses are seen with the config's noise."""
        self.world = SimulatedWorld(scene)
        self.controller = controller
        self.config = config or LoopConfig()
        self.tracker = PlanTracker(scene.arm)
        self._perception = perception
        self._rng = np.random.default_rng(self.config.seed)
        self._entities = self.perceive()
        self._perceived_at = 0.0
        self._on_the_way: list[tuple[float, dict[int, EntityState]]] = []
        self._sent: list[tuple[float, Plan]] = []

    def perceive(self) -> dict[int, EntityState]:
        """Return the blocks by id as perception reports them now."""
        if self._perception is not None:
            return self._perception(self.world)
        noise, entities = self.config.position_noise, self.world.entities()
        offsets = self._rng.normal(0.0, noise, (len(entities), 2))
        return {
            i: replace(state, position=state.position + np.array([*offset, 0.0]))
            for (i, state), offset in zip(entities.items(), offsets)
        }

    def measure_joints(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Return stamp [s], positions and velocities (n,) of the newest joint state."""
        return self.world.time, *self.world.joint_state()

    def measure_grip(self) -> bool:
        """Return whether the suction cup says that it holds something."""
        return self.world.held is not None

    def step(self) -> ControlOutput:
        """Advance by one control period and return what the controller said."""
        world, config = self.world, self.config
        if world.time - self._perceived_at >= config.entity_period - 1e-9:
            self._perceived_at = world.time
            self._on_the_way.append((world.time + config.entity_delay, self.perceive()))
        while self._on_the_way and world.time >= self._on_the_way[0][0] - 1e-9:
            self._entities = self._on_the_way.pop(0)[1]
        start = world.time
        stamp, q, qd = self.measure_joints()
        output = self.controller.update(
            start,
            q,
            qd,
            self._entities,
            self.measure_grip(),
            joints_time=stamp,
            opening=None if world.fingers is None else world.fingers.opening,
        )
        if world.suction != output.suction:
            world.set_suction(output.suction)
        if np.isfinite(output.opening):
            world.set_opening(output.opening)
        if output.plan is not None and self.controller.is_in_time(config.plan_delay):
            self._sent.append((start + config.plan_delay, output.plan))
        while world.time < start + config.control_period - 1e-9:
            while self._sent and world.time >= self._sent[0][0] - 1e-9:
                self.tracker.follow(self._sent.pop(0)[1])
            world.step(self.tracker.effort(world.time, *world.joint_state()))
        return output

    def run(
        self, duration: float, until: Callable[[ControlOutput], bool] = lambda _: False
    ) -> list[ControlOutput]:
        """Step for a duration [s] or until a condition holds; return every output."""
        outputs = []
        end = self.world.time + duration
        while self.world.time < end - 1e-9:
            outputs.append(self.step())
            if until(outputs[-1]):
                break
        return outputs
