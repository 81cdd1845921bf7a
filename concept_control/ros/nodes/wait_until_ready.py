"""`wait_until_ready`: ends when the nodes beside it can take what a bag is about to say.

Exit code 0 when everything is there, 1 with the reason when it is not in time, or when somebody
makes a clock already: a second one would tear the time apart. `replay.launch.py` starts the player
after it. Time is the machine's here, there is no other yet.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NoReturn

from lifecycle_msgs.srv import GetState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from concept_control.errors import ConceptControlError
from concept_control.msg import ConceptLibrary
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter


@dataclass
class Parameters:
    """Parameters of the node."""

    timeout: float = parameter(
        180.0, 'time after which to give up [s of the machine]', 1.0, 3600.0
    )
    perception: bool = parameter(True, 'wait for entity_extractor too')
    controller: bool = parameter(True, 'wait until the controller is active too')
    controller_name: str = parameter('mpc_controller', "name of the controller's node")


PERIOD = 0.1
"""Seconds between looks."""

ACTIVE = 'active'
"""Label of a lifecycle node's state."""

REPORT_PERIOD = 5.0
"""Seconds between words on what is still missing."""


class NotReadyError(ConceptControlError):
    """The nodes did not come up in time, or a clock is there that must not be."""


class WaitUntilReady(Node):
    """Looks until everything is there.

    Attributes:
        is_done: Whether it is.
        failure: Reason why it will not be; None while it may.
    """

    def __init__(self) -> None:
        super().__init__('wait_until_ready')
        self.parameters = declare(self, Parameters)
        self.is_done = False
        self.failure: NotReadyError | None = None
        self._has_concepts = False
        self._state = 'not there'
        self._reply: Any = None
        self._started = self._reported = time.monotonic()
        self.create_subscription(ConceptLibrary, 'concepts', self._on_concepts, qos.LATCHED)
        self._states: Any = self.create_client(
            GetState, f'{self.parameters.controller_name}/get_state'
        )
        self.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def missing(self) -> list[str]:
        """Say what is not there yet; empty if nothing."""
        found = []
        if not self._has_concepts:
            found.append('concept_model to learn its words (nothing on concepts yet)')
        if self.parameters.controller and self._state != ACTIVE:
            found.append(f'{self.parameters.controller_name} to be active (it is {self._state})')
        if self.parameters.perception and not self.count_publishers('entities'):
            found.append('entity_extractor to listen (nobody offers entities yet)')
        return found

    def _on_concepts(self, message: ConceptLibrary) -> None:
        self._has_concepts = bool(message.concepts)

    def _look(self) -> None:
        self._ask_controller()
        missing = self.missing()
        now = time.monotonic()
        waited = now - self._started
        if clocks := self.get_publishers_info_by_topic('/clock'):
            names = ', '.join(sorted({info.node_name for info in clocks}))
            self._fail(
                f'{names} makes a clock already (/clock), and there must be exactly one; end '
                'it, or choose another ROS_DOMAIN_ID'
            )
        elif not missing:
            self.get_logger().info(f'ready after {waited:.1f} s')
            self.is_done = True
        elif waited > self.parameters.timeout:
            self._fail(
                f'not ready after {waited:.0f} s: still waiting for {", ".join(missing)}; see '
                'what these nodes said above, or give them more time (timeout)'
            )
        elif now - self._reported > REPORT_PERIOD:
            self._reported = now
            self.get_logger().info(f'{waited:.0f} s: waiting for {", ".join(missing)}')

    def _fail(self, why: str) -> None:
        self.get_logger().fatal(why)
        self.failure = NotReadyError(why)

    def _ask_controller(self) -> None:
        if not self.parameters.controller or self._state == ACTIVE:
            return
        if self._reply is not None and self._reply.done():
            self._state = self._reply.result().current_state.label
            self._reply = None
        elif self._reply is None and self._states.service_is_ready():
            self._reply = self._states.call_async(GetState.Request())


def main() -> NoReturn:
    """Wait; exit code 0 when everything is there."""
    run_node(WaitUntilReady)
