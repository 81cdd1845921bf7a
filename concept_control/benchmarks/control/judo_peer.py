"""The tool between two points under judo: a script for an interpreter that has judo installed.

    python -I judo_peer.py PROBLEM.json

judo (https://github.com/bdaiinstitute/judo) wants a MuJoCo that this package does not work with,
so this file imports nothing of the package: what it must know of arm, task and settings stands in
the problem, whose fields `judo_comparison.peer_problem` writes. judo's own task, controller and
optimizer classes plan; its rollouts are its own, too. Every finished episode is one line of JSON
on the standard output. The clock of the simulation stands still while a plan is made.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import judo.tasks.base
import mujoco
import numpy as np
from judo.controller import Controller, ControllerConfig
from judo.optimizers import get_registered_optimizers
from judo.tasks import Task, TaskConfig

DOWN = np.array([0.0, 0.0, -1.0])


@dataclass
class ReachConfig(TaskConfig):
    """No settings of its own: the problem has them all."""


class ToolBetween(Task[ReachConfig]):
    """Bring the tool to a point of the table, at a height, pointing down, within limits.

    The actuators are position servos with the arm's own stiffness, damping and torque limits:
    noise on torques mostly shakes an arm. Rollouts step as long as the control period, the
    simulation as the problem says.
    """

    name = 'tool_between'
    config_t = ReachConfig

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        self.is_coarse = True
        super().__init__(model_path=problem['model'])
        self.is_coarse = False
        self.spec = mujoco.MjSpec.from_file(problem['model'])
        self._process_spec()
        self.sim_model = self.spec.compile()
        self.target = np.zeros(2)
        self.reset()

    def _process_spec(self) -> None:
        problem, spec = self.problem, self.spec
        spec.option.timestep = problem['period' if self.is_coarse else 'timestep']
        servos = zip(problem['joints'], problem['stiffness'], problem['damping'])
        for name, stiffness, damping in servos:
            spec.actuator(name).set_to_position(kp=stiffness, kv=damping)
            spec.actuator(name).ctrlrange = spec.joint(name).range
        for kind in (mujoco.mjtSensor.mjSENS_FRAMEPOS, mujoco.mjtSensor.mjSENS_FRAMEZAXIS):
            spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=problem['site'])

    def reset(self) -> None:
        """Put the arm at home, at rest."""
        self.data.qpos[:] = self.problem['home']
        self.data.qvel[:] = 0.0
        self.data.time = 0.0
        mujoco.mj_forward(self.model, self.data)

    def optimizer_warm_start(self) -> np.ndarray:
        """Return the positions (n,) that hold the arm where it is."""
        return self.data.qpos.copy()

    def reward(
        self,
        states: np.ndarray,
        sensors: np.ndarray,
        controls: np.ndarray,
        system_metadata: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Return (B,) the negated cost of rollouts (B, T, 2n): the terms of `ArmCost`.

        Efforts are left out, whose weight is negligible there, and the links' distances to the
        table, which they keep by far.
        """
        w, limits, n = self.problem['weights'], self.problem['limits'], self.model.nv
        q, qd = states[..., :n], states[..., n:]
        tip, axis = sensors[..., :3], sensors[..., 3:6]
        knee = w['energy_knee']
        softened = (
            2 * knee**2 * (np.sqrt(1.0 + square(tip[..., :2] - self.target) / knee**2) - 1.0)
        )
        lower, upper = np.array(limits['position']).T
        margin = w['position_margin']
        cost = w['energy'] * softened
        cost += w['height'] * (tip[..., 2] - self.problem['height']) ** 2
        cost += w['tilt'] * square(axis - DOWN)
        fence = self.problem['fence']
        place = (tip[..., :2] - fence['center']) @ fence['rotation']
        side = fence['half_extent']
        cost += w['clearance'] * square(place - np.clip(place, -side, side))
        cost += w['posture'] * square(q - self.problem['home'])
        cost += w['position_limit'] * square(q - np.clip(q, lower + margin, upper - margin))
        total = cost.sum(axis=1) + (w['terminal'] - 1.0) * cost[:, -1]
        speed = square(qd)
        total += w['velocity'] * speed[:, :-1].sum(axis=1) + w['terminal_velocity'] * speed[:, -1]
        total += w['velocity_limit'] * self._beyond(qd / limits['velocity']).sum(axis=1)
        start = np.broadcast_to(self.start_velocity, qd[:, :1].shape)
        rise = np.diff(np.concatenate([start, qd], axis=1), axis=1) / self.dt
        rise /= limits['acceleration']
        total += w['acceleration'] * square(rise).sum(axis=1)
        total += w['acceleration_limit'] * self._beyond(rise).sum(axis=1)
        return -total

    def pre_rollout(self, curr_state: np.ndarray) -> None:
        """Remember the velocity (n,) that rollouts start with."""
        self.start_velocity = curr_state[self.model.nv :]

    def _beyond(self, share: np.ndarray) -> np.ndarray:
        soft = self.problem['weights']['soft_limit']
        return square(share - np.clip(share, -soft, soft))


def square(values: np.ndarray) -> np.ndarray:
    """Return (...,) squared lengths of vectors (..., n)."""
    return (values**2).sum(axis=-1)


def build_controller(task: ToolBetween, method: dict[str, Any]) -> Controller:
    """Return judo's controller with one of its optimizers; what is not set has judo's default."""
    optimizer, config = get_registered_optimizers()[method['optimizer']]
    period = task.problem['period']
    settings = ControllerConfig(control_freq=1.0 / period, **method['controller'])
    return Controller(settings, task, optimizer(config(**method['settings']), task.nu))


def run_episode(task: ToolBetween, method: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Run one episode; return what was recorded once a control period, K + 1 or K times."""
    np.random.seed(case['seed'])  # noqa: NPY002 - judo draws from NumPy's global generator
    task.target = np.array(case['target'])
    controller = build_controller(task, method)
    problem, model = task.problem, task.sim_model
    data = mujoco.MjData(model)
    data.qpos[:] = problem['home']
    mujoco.mj_forward(model, data)
    site = data.site(problem['site'])
    substeps = round(problem['period'] / problem['timestep'])
    tool, velocities, plan_times = [site.xpos.tolist()], [data.qvel.tolist()], []
    for _ in range(round(problem['duration'] / problem['period'])):
        controller.time = data.time
        controller.current_state = np.concatenate([data.qpos, data.qvel])
        start = time.perf_counter()
        controller.update_action()
        plan_times.append(time.perf_counter() - start)
        for _ in range(substeps):
            data.ctrl[:] = controller.compute(data)
            mujoco.mj_step(model, data)
        mujoco.mj_kinematics(model, data)
        tool.append(site.xpos.tolist())
        velocities.append(data.qvel.tolist())
    controller.rollout_backend._rollout_obj.close()  # or its threads stay until the process ends
    return {'tool': tool, 'velocities': velocities, 'plan_times': plan_times}


def main(path: str) -> None:
    """Run every method on every case of a problem; print a line of JSON for each."""
    problem = json.loads(Path(path).read_text())
    # The constructor of judo's tasks downloads meshes, which this one does not have.
    judo.tasks.base.download_and_extract_meshes = lambda **_: None
    lines, sys.stdout = sys.stdout, sys.stderr
    task = ToolBetween(problem)
    for case in problem['cases']:
        for method in problem['methods']:
            episode = run_episode(task, method, case)
            line = {'method': method['name'], 'seed': case['seed'], **episode}
            print(json.dumps(line), file=lines, flush=True)


if __name__ == '__main__':
    main(sys.argv[1])
