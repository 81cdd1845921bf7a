"""Simulated cameras and an arm as their drivers would publish them, to a node that answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool

from concept_control.errors import ConceptControlError
from concept_control.msg import EntityArray
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.process_graph import Graph
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.entity import EntityStatus

PREFIXES = {'top': 'camera', 'oblique': 'oblique'}
"""Topic prefix of each simulated camera."""

DEADLINE = 20.0
"""Seconds the node may take to answer."""

RETRY = 2.0
"""Seconds after which images are sent again: sensor topics are best effort."""


class ImagePlayer:
    """Publishes images and waits for the entities made of them.

    Attributes:
        node: Node that publishes.
    """

    def __init__(
        self, names: Sequence[str], backend: str, noise: StructuredLightNoise | None = None
    ) -> None:
        """Advertise the simulated cameras, the most important first; noise may be None."""
        self.node: Node = rclpy.create_node('image_player')
        self._names, self._backend, self._noise = tuple(names), backend, noise
        self._heard: dict[float, EntityArray] = {}
        create = self.node.create_publisher
        self._topics = {
            name: (
                create(CameraInfo, f'{PREFIXES[name]}/color/camera_info', qos.RELIABLE),
                create(Image, f'{PREFIXES[name]}/color/image_raw', qos.RELIABLE),
                create(Image, f'{PREFIXES[name]}/depth/image_raw', qos.RELIABLE),
            )
            for name in self._names
        }
        self._joints = create(JointState, 'joint_states', qos.RELIABLE)
        self._suction = create(Bool, 'suction_state', qos.LATCHED)
        self.node.create_subscription(EntityArray, 'entities', self._hear, qos.RELIABLE)

    def node_parameters(self) -> dict[str, Any]:
        """Return where the cameras are, for the node; the same on every table."""
        parameters: dict[str, Any] = {
            'use_sim_time': False,
            # The tables have all sorts of colours.
            'table_color': [0.0, 0.0, 0.0],
            'cameras': [PREFIXES[name] for name in self._names],
        }
        scene = build_scene(SceneConfig())
        for name in self._names:
            with SimulatedCamera(scene.model, name, 64, 48, 'raycast') as camera:
                pose = camera.T_world_camera(scene.new_data())
            rotation = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
            parameters[f'{PREFIXES[name]}.position'] = pose[:3, 3].tolist()
            parameters[f'{PREFIXES[name]}.rotation'] = rotation
        return parameters

    @contextmanager
    def cameras(self, model: Any) -> Iterator[list[SimulatedCamera]]:
        """Open the cameras of a scene's model."""
        with ExitStack() as stack:
            yield [
                stack.enter_context(SimulatedCamera(model, name, 640, 480, self._backend))
                for name in self._names
            ]

    def tell_arm(
        self, joints: Sequence[str], positions: np.ndarray, is_attached: bool, stamp: float
    ) -> None:
        """Publish where the arm is and whether it holds something."""
        header = convert.header(stamp, '')
        self._joints.publish(
            JointState(header=header, name=list(joints), position=positions.tolist())
        )
        self._suction.publish(Bool(data=is_attached))

    def show(
        self,
        cameras: Sequence[SimulatedCamera],
        data: Any,
        stamp: float,
        graph: Graph,
        rng: np.random.Generator,
    ) -> tuple[EntityArray, float]:
        """Show what the cameras see of a state.

        Args:
            cameras: Cameras from `cameras`.
            data: State of their model.
            stamp: Stamp of the images [s].
            graph: Graph whose processes are checked while waiting.
            rng: Random generator of the noise.

        Returns:
            Entities, and the time from the last image to the answer [s].

        Raises:
            ConceptControlError: If the node does not answer.
        """
        images = []
        for camera in cameras:
            color, depth = camera.render(data)
            if self._noise is not None:
                color, depth = self._noise.apply(rng, color, depth, camera.intrinsics.fx)
            images.append((color, depth.astype(np.float32)))
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            # The first camera sets the pace: the others' images come before.
            for name, camera, (color, depth) in reversed(list(zip(self._names, cameras, images))):
                info, colors, depths = self._topics[name]
                header = convert.header(stamp, f'{name}_optical_frame')
                info.publish(convert.camera_info_message(camera.intrinsics, header))
                colors.publish(convert.image_message(color, 'rgb8', header))
                depths.publish(convert.image_message(depth, '32FC1', header))
            sent = time.monotonic()
            while time.monotonic() < sent + RETRY:
                rclpy.spin_once(self.node, timeout_sec=0.05)
                answer = self._heard.pop(round(stamp, 3), None)
                if answer is not None:
                    return answer, time.monotonic() - sent
            graph.check()
        raise ConceptControlError('entity_extractor does not answer')

    def _hear(self, message: EntityArray) -> None:
        self._heard[round(convert.seconds(message.header.stamp), 3)] = message


def tracked(message: EntityArray) -> list[TrackedEntity]:
    """Return the blocks of a message."""
    return [
        TrackedEntity(
            id=e.id,
            position=np.array([e.position.x, e.position.y, e.position.z]),
            covariance=np.array(e.covariance).reshape(3, 3),
            yaw=e.yaw,
            color=np.array([e.color.r, e.color.g, e.color.b]),
            size=np.array([e.size.x, e.size.y, e.size.z]),
            shape=e.shape,
            status=EntityStatus(e.status),
            last_seen=convert.seconds(e.last_seen),
        )
        for e in message.entities
        if e.id
    ]
