"""What an onlooker of the graph hears, and how it gives a command.

Threads: an executor spins in a thread of its own and only stores; other threads read `GraphState`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from concept_control.errors import ConceptControlError
from concept_control.msg import Concept, ConceptCommand, ConceptGoal, ConceptStatus, EntityArray
from concept_control.msg import ConceptLibrary as ConceptLibraryMessage
from concept_control.perception.image_decoding import decode_color
from concept_control.reports.run_film import Film
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos


@dataclass(frozen=True)
class GraphSnapshot:
    """The latest messages of a graph that is up.

    Attributes:
        entities: What perception sees.
        truth: What is really there, by the simulator.
        images: View of an onlooker and image of the camera, as far as the graph has them.
        concepts: Concepts in the library; none where no concept model runs.
    """

    entities: EntityArray
    truth: EntityArray
    images: tuple[Image, ...]
    concepts: tuple[Concept, ...]

    def frames(self) -> list[np.ndarray]:
        """Return the images as (H, W, 3) uint8 RGB."""
        return [decode_color(message) for message in self.images]


@dataclass
class GraphState:
    """The latest message of each kind that the monitor has heard, None before the first.

    Appending to a list and replacing an attribute are atomic, so no lock is needed.
    """

    library: ConceptLibraryMessage | None = None
    entities: EntityArray | None = None
    truth: EntityArray | None = None
    goal: ConceptGoal | None = None
    image: Image | None = None
    view: Image | None = None
    statuses: list[ConceptStatus] = field(default_factory=list)

    def snapshot(self) -> GraphSnapshot:
        """Return what is known of the scene now.

        Raises:
            ConceptControlError: Before entities and their true places have been heard.
        """
        entities, truth = self.entities, self.truth
        if entities is None or truth is None:
            raise ConceptControlError('no entities, or not their true places, were heard yet')
        return GraphSnapshot(
            entities=entities,
            truth=truth,
            images=tuple(image for image in (self.view, self.image) if image is not None),
            concepts=tuple(self.library.concepts) if self.library is not None else (),
        )


class Monitor(Node):
    """Listens to everything and gives the command."""

    def __init__(self, heard: GraphState, film: Film | None) -> None:
        super().__init__('demo_monitor')
        self._heard = heard
        self._film = film
        self._commands = self.create_publisher(ConceptCommand, 'concept_command', qos.RELIABLE)
        subscribe = self.create_subscription
        subscribe(ConceptLibraryMessage, 'concepts', self._store('library'), qos.LATCHED)
        subscribe(EntityArray, 'entities', self._store('entities'), qos.RELIABLE)
        subscribe(EntityArray, 'ground_truth', self._store('truth'), qos.RELIABLE)
        subscribe(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED)
        subscribe(Image, 'camera/color/image_raw', self._store('image'), qos.SENSOR)
        subscribe(Image, 'view/image_raw', self._on_view, qos.SENSOR)
        subscribe(ConceptStatus, 'concept_status', heard.statuses.append, qos.RELIABLE)

    def command(self, expression: str, seed: int) -> None:
        """Ask for an expression."""
        self.send(ConceptCommand(expression=expression, seed=seed))

    def send(self, command: ConceptCommand) -> None:
        """Publish a command."""
        self._commands.publish(command)

    @property
    def is_connected(self) -> bool:
        """Whether somebody will hear a command."""
        return self._commands.get_subscription_count() > 0

    def _store(self, name: str) -> Callable[[Any], None]:
        return lambda message: setattr(self._heard, name, message)

    def _on_goal(self, message: ConceptGoal) -> None:
        if message.command == ConceptCommand.ACHIEVE:
            self._heard.goal = message

    def _on_view(self, message: Image) -> None:
        self._heard.view = message
        if self._film is not None:
            self._film.add(convert.seconds(message.header.stamp), decode_color(message))


class MonitorThread:
    """Spins a monitor in a thread of its own for as long as a `with` block lasts."""

    def __init__(
        self,
        heard: GraphState,
        film: Film | None = None,
        attach: Callable[[Node], Any] = lambda _: None,
    ) -> None:
        """Prepare; nothing is heard yet.

        What `attach` adds to the node, such as a recorder, is closed at the end.
        """
        self._heard, self._film, self._attach = heard, film, attach

    def __enter__(self) -> Monitor:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._monitor = Monitor(self._heard, self._film)
        try:
            self._attached = self._attach(self._monitor)
        except BaseException:
            rclpy.try_shutdown()
            raise
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._monitor)
        self._thread = threading.Thread(target=self._spin, name='monitor', daemon=True)
        self._thread.start()
        return self._monitor

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join(timeout=2.0)
        if self._attached is not None:
            self._attached.close()
        self._monitor.destroy_node()
        rclpy.try_shutdown()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
