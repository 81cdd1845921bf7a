"""`entity_relay`: entities from elsewhere than the cameras, and to others.

Things that always stand somewhere come from a YAML file, others from the detector of another
package (`vision_msgs/Detection3DArray` on `detections`), whose things get ids that stay. Instead,
with `publishes_detections` and `publishes_planning_scene`, it passes on what `entity_extractor`
sees to those who know the messages of vision_msgs and moveit_msgs.

Threads: everything runs in the executor's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Header

from concept_control.errors import CommandError, PerceptionError
from concept_control.msg import EntityArray
from concept_control.perception.known_things import KnownThings
from concept_control.perception.tracking.tracker import EntityTracker
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.detections import (
    detections_message,
    detections_of,
    messages_of,
)
from concept_control.ros.bridge.planning_scene import PlanningSceneUpdates
from concept_control.ros.runtime.diagnostics import Diagnostics, Refusals, Report
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter

FIRST_STANDING = 10_000
"""Id of the first thing that always stands somewhere: trackers count from 1."""


@dataclass
class Parameters:
    """Parameters of the node."""

    frame: str = parameter('world', 'fixed frame of the entities and detections')
    things: str = parameter('', 'YAML file of known things; those with a position always stand')
    hears_detections: bool = parameter(False, 'take things from vision_msgs on `detections`')
    publishes_detections: bool = parameter(
        False, 'pass on `entities` as vision_msgs on `entities/detections`, and make none'
    )
    publishes_planning_scene: bool = parameter(
        False, 'pass on `entities` as collision objects (moveit_msgs) on `planning_scene`, too'
    )
    rate: float = parameter(10.0, 'messages per second of things that always stand', 1.0, 50.0)


class EntityRelay(Node):
    """Publishes entities that no camera of this package sees, or passes them on."""

    def __init__(self) -> None:
        super().__init__('entity_relay')
        self.parameters = p = declare(self, Parameters)
        self._things = KnownThings.load(p.things) if p.things else None
        self._standing = list(self._things.standing.values()) if self._things else []
        self._tracker, self._refusals = EntityTracker(), Refusals()
        self._session, self._num = int(time.time()) % 2**31, 0
        self._outputs: list[tuple[Any, Callable[[EntityArray], Any]]] = []
        if p.publishes_detections:
            Detection3DArray = messages_of('vision_msgs').Detection3DArray
            out = self.create_publisher(Detection3DArray, 'entities/detections', qos.RELIABLE)
            self._outputs.append((out, detections_message))
        if p.publishes_planning_scene:
            PlanningScene = messages_of('moveit_msgs').PlanningScene
            out = self.create_publisher(PlanningScene, 'planning_scene', qos.RELIABLE)
            self._outputs.append((out, PlanningSceneUpdates().update))
        if self._outputs:
            self.create_subscription(EntityArray, 'entities', self.pass_on, qos.RELIABLE)
        if p.hears_detections or not self._outputs:
            self._entities = self.create_publisher(EntityArray, 'entities', qos.RELIABLE)
        if p.hears_detections:
            Detection3DArray = messages_of('vision_msgs').Detection3DArray
            self.create_subscription(
                Detection3DArray, 'detections', self.on_detections, qos.RELIABLE
            )
        elif self._standing and not self._outputs:
            self.create_timer(1.0 / p.rate, self._on_timer)
        elif not self._outputs:
            raise CommandError(
                'entity_relay has nothing to publish: set things to a file with positions, '
                'hears_detections, publishes_detections or publishes_planning_scene'
            )
        self._diagnostics = Diagnostics(self, self._report)

    def on_detections(self, message: Any) -> None:
        """Publish what another detector has found."""
        try:
            found = detections_of(message, self.parameters.frame, self._things)
            stamp = convert.seconds(message.header.stamp)
            tracked = self._tracker.update(found, stamp)
        except PerceptionError as error:
            self._refusals.note('detections', str(error))
            self.get_logger().error(f'detections refused: {error}', throttle_duration_sec=2.0)
            return
        entities = [
            convert.entity_message(e.id, e, e.shape, convert.stamp(e.last_seen), e.covariance)
            for e in tracked
        ]
        self._publish(message.header.stamp, entities)

    def _on_timer(self) -> None:
        self._publish(self.get_clock().now().to_msg(), [])

    def _publish(self, stamp: Time, entities: list[Any]) -> None:
        header = Header(stamp=stamp, frame_id=self.parameters.frame)
        standing = [
            convert.entity_message(FIRST_STANDING + i, thing.state(), thing.shape, stamp)
            for i, thing in enumerate(self._standing)
        ]
        session = self._session + self._tracker.num_resets
        self._entities.publish(
            EntityArray(header=header, entities=entities + standing, session=session)
        )
        self._num += 1

    def pass_on(self, message: EntityArray) -> None:
        """Publish our entities in the forms of other packages."""
        for publisher, form in self._outputs:
            publisher.publish(form(message))
        self._num += 1

    def _report(self) -> Report:
        values = {'messages': self._num, 'things that always stand': len(self._standing)}
        return Report(values, str(self._refusals))


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(EntityRelay)
