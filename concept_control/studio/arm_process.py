"""The simulated arm of the studio in a process of its own, so that the page never delays it."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.controller import ConceptController, ControlOutput
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.language.expression import parse
from concept_control.language.goals import plan_goal, request_goal
from concept_control.language.library import ConceptLibrary
from concept_control.language.spoken_words import add_words
from concept_control.simulation.arm_shapes import arm_shapes, body_poses
from concept_control.simulation.closed_loop import ClosedLoop, LoopConfig
from concept_control.simulation.scene import Scene, SceneConfig, build_scene
from concept_control.studio.arm_messages import ArmLook, ArmState, Command, Push, Request
from concept_control.studio.meaning import target_places
from concept_control.studio.table import Place, Table
from concept_control.world.colors import NAMED_COLORS

SEND_PERIOD = 0.04
"""Mean time between two states that are sent [s]; each has the page drawn anew."""

BEHIND = 0.5
"""Delay from which on simulated time no longer tries to catch up with the clock [s]."""


class ArmSession:
    """World, controller and words of the arm; one thread owns it."""

    def __init__(self, arm: str, model_folder: Path | None, library: Path) -> None:
        self._arm = arm
        self._model = ConceptModel.load(model_folder)
        self._library, self._folder = ConceptLibrary(), library
        self._scene: Scene = build_scene(SceneConfig(num_blocks=0, arm=arm))
        self._output: ControlOutput | None = None
        self._targets: dict[int, Place] = {}
        self._plan_times: list[float] = []
        self._begin(Table())

    def look(self) -> ArmLook:
        """Return what the arm looks like."""
        arm = self._scene.arm
        return ArmLook(arm.name, arm_shapes(self._scene), arm.workspace)

    def handle(self, request: Request) -> None:
        """Do what is asked; what cannot be done is told by the next state."""
        try:
            match request:
                case Table():
                    is_paused = self._controller.is_paused
                    self._begin(request)
                    if is_paused:
                        self._controller.pause()
                case Command():
                    self._command(request)
                case Push():
                    place = self._to_world(np.array([request.place]))[0]
                    thing = self._table.thing(request.thing_id)
                    self._loop.world.disturb(self._table.things.index(thing) + 1, place)
                case 'cancel':
                    self._controller.resume()  # a cancel ends a pause, too
                    self._controller.cancel()
                case 'pause':
                    self._controller.pause()
                case 'resume':
                    self._controller.resume()
        except ConceptControlError as error:
            self._refused = str(error)

    def step(self) -> None:
        """Advance by one control period."""
        start = time.perf_counter()
        output = self._loop.step()
        took = time.perf_counter() - start
        self._periods += 1
        self._late += took > self._loop.config.control_period
        self._output = output
        if np.isfinite(output.solve_time):
            self._plan_times.append(output.solve_time)

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return self._loop.world.time

    def state(self) -> ArmState:
        """Return what to show now."""
        output, world = self._output, self._loop.world
        workspace = self._scene.arm.workspace
        positions = world.block_positions()
        flat = workspace.to_workspace(positions[:, :2])
        heights = (positions[:, 2] - self._scene.heights / 2) / workspace.half_extent
        places = {
            thing.id: (float(x), float(y), float(z))
            for thing, (x, y), z in zip(self._table.things, flat, heights)
        }
        status, phase, text = 'idle', 'hold', ''
        if output is not None:
            status, phase, text = str(output.status), output.phase, output.text
        if self._controller.is_paused and status != 'paused':
            text = 'paused: what is asked waits for the word to go on'
        if self._refused:
            status, phase, text = 'refused', 'hold', self._refused
        times = self._plan_times
        return ArmState(
            time=world.time,
            bodies=body_poses(world),
            places=places,
            status=status,
            phase=phase,
            text=text,
            expression=self._expression,
            energy=float('nan') if output is None else float(output.energy),
            targets=self._targets,
            path=self._path(),
            plan_ms=float(1e3 * np.median(times)) if times else float('nan'),
            late=self._late,
            periods=self._periods,
        )

    def _path(self) -> tuple[tuple[float, float, float], ...]:
        """Return where the newest plan takes the tool."""
        plan = None if self._output is None else self._output.plan
        if plan is None:
            return ()
        steps = np.linspace(0, plan.num_steps, 4).round().astype(int)
        workspace = self._scene.arm.workspace
        tips = self._kinematics.tool(plan.positions[steps]).position
        flat = workspace.to_workspace(tips[:, :2])
        heights = tips[:, 2] / workspace.half_extent
        return tuple((float(x), float(y), float(z)) for (x, y), z in zip(flat, heights))

    def _begin(self, table: Table) -> None:
        """Build the scene of a table anew."""
        scene = table.tabletop()
        workspace = self._scene.arm.workspace
        # What stands on the floor of a box counts as on the table, but is as high as the floor.
        floors = scene.is_in() * (scene.bottoms + scene.rims)
        bottoms = np.maximum(scene.bottoms, floors.max(axis=1, initial=0.0))
        self._table = table
        self._scene = build_scene(
            SceneConfig(
                num_blocks=len(scene.ids),
                colors=[NAMED_COLORS[thing.color] for thing in table.things],
                positions=self._to_world(np.column_stack([scene.positions, bottoms])),
                sizes=[float(workspace.length_to_world(size)) for size in scene.sizes] or None,
                random_yaw=False,
                arm=self._arm,
                open_boxes=[row for row, t in enumerate(table.things, 1) if t.is_open],
            )
        )
        self._controller = ConceptController(self._scene.arm)
        self._kinematics = ArmKinematics(self._scene.arm)
        self._loop = ClosedLoop(self._scene, self._controller, LoopConfig())
        self._output, self._targets, self._plan_times = None, {}, []
        self._refused, self._expression = '', ''
        self._late = self._periods = 0

    def _command(self, request: Command) -> None:
        self._refused, self._expression = '', request.expression
        self._targets, self._plan_times = {}, []
        self._late = self._periods = 0
        workspace = self._scene.arm.workspace
        scene = self._loop.world.tabletop()
        # Blocks count from 1 in the simulation; the table's things keep the numbers of the page.
        ids = tuple(self._table.things[i - 1].id for i in scene.ids)
        parsed = parse(request.expression)
        add_words(parsed, self._model, self._library, self._folder)
        scene = replace(scene, ids=ids)
        asked = request_goal(parsed, scene, self._model, self._library, request.seed)
        goal = plan_goal(asked, self._model, workspace)
        self._targets = target_places(goal)
        self._controller.set_goal(goal)

    def _to_world(self, places: np.ndarray) -> np.ndarray:
        """Return places (K, 3) in metres of the world."""
        workspace = self._scene.arm.workspace
        heights = np.asarray(workspace.length_to_world(places[:, 2]))
        return np.column_stack([workspace.to_world(places[:, :2]).reshape(-1, 2), heights])


def run_arm(pipe: Connection, arm: str, model_folder: Path | None, library: Path) -> None:
    """Run the arm in real time until told to end, or until the studio is gone.

    Args:
        pipe: Connection on which requests come and states go; an `ArmLook` goes first.
        arm: Name of an arm, or path of its YAML file.
        model_folder: Folder of a model; None for the one shipped.
        library: Folder of taught concepts.
    """
    torch.set_num_threads(1)  # a process of its own, whose entry point this is
    session = ArmSession(arm, model_folder, library)
    pipe.send(session.look())
    # What stays is not looked through for garbage, which would hold up plans.
    gc.collect()
    gc.freeze()
    # A browser that draws without a graphics card takes every core, 20 ms at a time. Real-time
    # scheduling is granted to root and to those whom `ulimit -r` lets; the others share.
    with contextlib.suppress(PermissionError, AttributeError):
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))
    began = time.monotonic() - session.time
    sent = 0.0
    try:
        while True:
            while pipe.poll():
                request = pipe.recv()
                if request == 'end':
                    return
                session.handle(request)
            if session.time < 1e-9:
                began = time.monotonic()
            session.step()
            now = time.monotonic()
            if now - sent >= SEND_PERIOD:
                pipe.send(session.state())
                sent = max(sent + SEND_PERIOD, now - SEND_PERIOD)
            ahead = began + session.time - now
            if ahead > 0:
                time.sleep(ahead)
            elif ahead < -BEHIND:
                began -= ahead
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return
