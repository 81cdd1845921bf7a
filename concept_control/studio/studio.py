"""The studio without its pages: workbench and robot, and what passes between them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from concept_control.energy.model import ENERGIES, ConceptModel
from concept_control.errors import StudioError
from concept_control.studio.arm_link import SimulatedArm
from concept_control.studio.arm_messages import (
    ArmLook,
    ArmState,
    Command,
    Push,
    Request,
    Word,
)
from concept_control.studio.config import StudioConfig
from concept_control.studio.recording import Recording, read_recording
from concept_control.studio.table import Table
from concept_control.studio.workbench import Workbench
from concept_control.world.entity import TABLE_NOISE

ENDED = ('satisfied', 'failed', 'cancelled', 'refused')
"""Words for the status of a robot that has nothing to do any more."""

AFTER_PUSH = 0.5
"""Time after a push until the arm has told what came of it [s]."""


class Robot(Protocol):
    """A robot that makes expressions hold: simulated for the page, or running in ROS."""

    @property
    def look(self) -> ArmLook | None:
        """What the arm looks like; None where that is not known."""

    @property
    def state(self) -> ArmState | None:
        """What it does now; None while it has not told."""

    @property
    def is_running(self) -> bool:
        """Whether it can be commanded."""

    def curve(self) -> list[tuple[float, float]]:
        """Return pairs of time [s] and energy since the last command."""

    def table(self) -> Table:
        """Return the table as it stands before the robot."""

    def send(self, request: Request) -> None:
        """Ask something of it."""

    def close(self) -> None:
        """End it, if it is the studio's own."""


class Studio:
    """What all pages share.

    Args:
        config: Settings.
        library: Folder of taught concepts.

    Attributes:
        workbench: Table, lesson and question.
        robot: Who makes expressions hold.
        recordings: Bags that are open, two at most.
        num_pages: Number of pages that are open.
    """

    def __init__(self, config: StudioConfig, library: Path) -> None:
        self.config = config
        self.workbench = Workbench(config.model, library, config.seed)
        self.robot: Robot
        if config.ros:
            # Only where a ROS robot is asked for: rclpy need not be installed elsewhere.
            from concept_control.studio.ros_link import RosRobot  # noqa: PLC0415

            self.robot = RosRobot(config.namespace, config.arm, self.workbench.say)
        else:
            self.robot = SimulatedArm(config.arm, config.model, library)
        self.recordings: tuple[Recording, ...] = ()
        self.num_pages = 0
        self._table: Table | None = None
        self._is_taken = True
        self._pushed_at = 0.0

    def act(self, expression: str) -> None:
        """Make an expression hold with the robot, beginning with the table as it is."""
        workbench = self.workbench
        if not expression.strip():
            workbench.say('ask for something first, such as near(red; blue)')
            return
        with workbench.telling():
            if not self.config.ros:
                if workbench.desk.table != self._table or not self.robot.is_running:
                    self._give_table()
                self._is_taken = False
            self._table = workbench.desk.table
            self.robot.send(Command(expression, self.config.seed))

    def take_table(self) -> None:
        """Put what the robot sees on the table of the pages."""
        self.workbench.edit(lambda _: self.robot.table())

    def open_recording(self, path: str, energy: str = ENERGIES[0], model: str = '') -> None:
        """Open a bag; of two that are open already the newer one is replaced.

        Args:
            path: Folder or file of the bag.
            energy: Energy that is recomputed, one of `ENERGIES`.
            model: Folder of the model; '' for the studio's own.
        """

        def job(ready: ConceptModel) -> None:
            if not path:
                raise StudioError('name the folder or the file of a bag')
            used, label = ready, ''
            if model or energy != ENERGIES[0]:
                folder = Path(model).expanduser() if model else self.config.model
                used, label = ConceptModel.load(folder, energy=energy), f'{energy} {model}'.strip()
            found = read_recording(Path(path).expanduser(), used, label)
            self.recordings = (*self.recordings[:1], found)

        self.workbench.run('open', job)

    def close_recordings(self) -> None:
        """Close all bags."""
        self.recordings = ()

    def control(self, word: Word) -> None:
        """Cancel, pause or resume what the robot does; what is asked in a pause waits, too."""
        if word == 'pause' and not self.robot.is_running and not self.config.ros:
            self._give_table()
        self._send(word)

    def push(self, thing_id: int, x: float, y: float) -> None:
        """Move a thing by hand while the robot works, and what stands on it."""
        with self.workbench.telling():
            table, state = self.robot.table(), self.robot.state
            for i, place in state.places.items() if state is not None else ():
                # What the arm holds stands on nothing yet, though it is over something.
                if i != thing_id and place[2] > table.thing(i).bottom + TABLE_NOISE:
                    table = table.without(i)
            after = table.dragged(thing_id, x, y)
            self._pushed_at = time.monotonic()
            for thing in after.things:
                if thing != table.thing(thing.id):
                    self._send(Push(thing.id, thing.place))

    @property
    def is_acting(self) -> bool:
        """Whether the simulated arm pursues something."""
        return not self._is_taken

    def shown_arm(self) -> ArmState | None:
        """Return what the robot does, if it is on the table that the pages show."""
        if self.config.ros:
            return self.robot.state
        is_same = self._table is not None and self._table.ids == self.workbench.desk.table.ids
        return self.robot.state if is_same and self.robot.is_running else None

    def follow_arm(self) -> None:
        """Take over where the things have come to stand, once the simulated arm has ended."""
        state = self.robot.state
        if self._is_taken or self._table is None:
            return
        if time.monotonic() - self._pushed_at < AFTER_PUSH:
            return  # what the arm tells may be from before
        if not self.robot.is_running:
            self._is_taken = True
            self.workbench.say('the arm has stopped; give the command again')
        elif state is not None and state.periods and state.status in ENDED:
            self._is_taken = True
            if self.workbench.desk.table.ids == self._table.ids:
                self.workbench.take_places(state.places)
                self._table = self.workbench.desk.table
            self.workbench.say(f'{state.status}: {state.text}')

    def close(self) -> None:
        """End the arm's process and the worker."""
        self.robot.close()
        self.workbench.close()

    def _give_table(self) -> None:
        """Put the table of the pages before the simulated arm, which starts if it has not."""
        self._table = self.workbench.desk.table
        self.robot.send(self._table)

    def _send(self, request: Request) -> None:
        if not self.robot.is_running:
            self.workbench.say('the arm is not running')
            return
        with self.workbench.telling():
            self.robot.send(request)
