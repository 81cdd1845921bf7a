"""Inputs of the controller from the callbacks to the planning thread.

Threading: any thread, one lock. What is handed over is frozen and never changed afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from concept_control.msg import ConceptGoal, DrawCommand
from concept_control.ros.bridge.conversions import EntitySnapshot
from concept_control.world.entity import EntityState


@dataclass(frozen=True)
class JointSample:
    """One joint state.

    Attributes:
        stamp: Time of the measurement [s].
        positions: (n,) joint positions [rad].
        velocities: (n,) joint velocities [rad/s].
        received: Time of arrival, node's clock [s].
        fault: Reason why the arm must hold although this state is credible; empty for none.
        epoch: Number of times that joint states began anew before this one.
    """

    stamp: float
    positions: np.ndarray
    velocities: np.ndarray
    received: float
    fault: str = ''
    epoch: int = 0


@dataclass(frozen=True)
class Command:
    """A request to the controller.

    Attributes:
        goal: Goal message, which statuses speak of.
        drawing: Figure to draw; None where the goal itself says what to do.
        entities: Entities that were perceived when a drawing is begun with, by id.
    """

    goal: ConceptGoal
    drawing: DrawCommand | None = None
    entities: Mapping[int, EntityState] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """Snapshot of the inbox.

    Attributes:
        joints: Joint state that came since the last snapshot, the newest; None for none.
        perception: Newest entities, without the tool; None before the first.
        attached: Whether the tool holds something; None where it has not said so.
        opening: Distance between its fingers [m]; None where it has not said so.
    """

    joints: JointSample | None = None
    perception: EntitySnapshot | None = None
    attached: bool | None = None
    opening: float | None = None


class Inbox:
    """Keeps the newest inputs, and all commands in their order."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._newest = Inputs()
        self._commands: list[Command] = []
        self._is_closed = False

    def put(self, **news: Any) -> None:
        """Replace what is named, see `Inputs`; a joint state wakes whoever waits for it."""
        with self._condition:
            self._newest = replace(self._newest, **news)
            self._condition.notify()

    def put_command(self, command: Command) -> None:
        """Add a command to those not yet taken."""
        with self._condition:
            self._commands.append(command)

    def take(self, timeout: float) -> Inputs | None:
        """Wait for a joint state, at most for `timeout` [s]; return a snapshot, None once closed.

        The joint state is taken, everything else stays for the next snapshot.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._newest.joints or self._is_closed, timeout)
            if self._is_closed:
                return None
            taken, self._newest = self._newest, replace(self._newest, joints=None)
            return taken

    def take_commands(self) -> list[Command]:
        """Take all commands, the oldest first."""
        with self._condition:
            commands, self._commands = self._commands, []
            return commands

    def close(self) -> None:
        """End every wait, now and later."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
