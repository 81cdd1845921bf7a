"""The studio's end of a robot that runs in ROS: what its nodes publish, and commands to them.

Joints are never commanded: a command is an expression, as anybody else would send it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import ConceptControlError, StudioError
from concept_control.interfaces.constants import GoalStatus
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.ros.client.session import RobotSession
from concept_control.studio.arm_link import CURVE_LENGTH
from concept_control.studio.arm_messages import ArmLook, ArmState, Command, Push, Request
from concept_control.studio.recording import place_of, table_of
from concept_control.studio.table import Table
from concept_control.world.entity import TOOL_ID, EntityState


class RosRobot:
    """A robot whose nodes run already, simulated or real.

    Args:
        namespace: Namespace of its nodes.
        arm: Name of its arm, or path of the YAML file, for the place of the table.
        say: Callback with what could not be done, for people.
    """

    look: ArmLook | None = None
    """Nothing is drawn of the arm: only its tool's place is known."""

    def __init__(self, namespace: str, arm: str, say: Callable[[str], None]) -> None:
        self._workspace = ArmDescription.load(arm).workspace
        self._session = RobotSession(namespace)
        self._say = say
        self._curve: deque[tuple[float, float]] = deque(maxlen=CURVE_LENGTH)

    @property
    def is_running(self) -> bool:
        """Whether perception has been heard."""
        return self._session.entities is not None

    @property
    def state(self) -> ArmState | None:
        """What the nodes told last; None before they have."""
        told, entities = self._session.status, self._entities()
        if told is None or entities is None:
            return None
        time = seconds(told.header.stamp)
        energy = float(told.energy)
        if np.isfinite(energy) and (not self._curve or self._curve[-1][0] < time):
            self._curve.append((time, energy))
        return ArmState(
            time=time,
            bodies=np.zeros((0, 4, 3)),
            places={
                i: place_of(state, self._workspace)
                for i, state in entities.items()
                if i != TOOL_ID
            },
            status=GoalStatus(told.status).name.lower(),
            phase=str(told.phase),
            text=str(told.text),
            expression=str(told.expression),
            energy=energy,
            plan_ms=1e3 * float(told.plan_time_p50),
            late=int(told.missed_deadlines),
            periods=int(told.num_plans),
        )

    def table(self) -> Table:
        """Return the table as perception sees it now.

        Raises:
            StudioError: if nothing has been heard yet.
        """
        entities = self._entities()
        if entities is None:
            raise StudioError('no entities were heard yet; is entity_extractor running?')
        return table_of(entities, self._workspace)

    def curve(self) -> list[tuple[float, float]]:
        """Return pairs of time [s] and energy since the last command."""
        return list(self._curve)

    def send(self, request: Request) -> None:
        """Send a command; nothing else can be asked of a robot.

        Raises:
            StudioError: for anything else.
        """
        match request:
            case Command():
                self._curve.clear()
                threading.Thread(target=self._go, args=(request,), daemon=True).start()
            case 'cancel':
                self._session.cancel()
            case 'pause':
                self._session.pause()
            case 'resume':
                self._session.resume()
            case Push():
                raise StudioError('this table is the robot’s: move the thing by hand')
            case _:
                raise StudioError('the robot’s table cannot be changed from here')

    def close(self) -> None:
        """Stop listening; the robot goes on."""
        self._session.close()

    def _go(self, command: Command) -> None:
        try:
            self._session.go(command.expression, seed=command.seed)
        except ConceptControlError as error:
            self._say(str(error))

    def _entities(self) -> dict[int, EntityState] | None:
        message = self._session.entities
        return None if message is None else entity_states(message, message.header.frame_id)
