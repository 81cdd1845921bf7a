"""`arm_simulator`: the arm, the table, the blocks and the camera, in MuJoCo.

Threads: the physics thread owns the world and publishes joint states and the clock; the camera
thread owns the renderer and a copy of the state; the executor only stores what comes in.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm.description import INTERFACES
from concept_control.control.guard import TORQUE_SPAN
from concept_control.errors import CommandError
from concept_control.msg import EntityArray
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.diagnostics import Diagnostics, Refusals, Report
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter
from concept_control.ros.runtime.worker import LatestValue, Worker
from concept_control.ros.visualization.frames import ArmFrames, pose_of
from concept_control.simulation.drives import EffortDrive, PositionDrive, TrajectoryDrive
from concept_control.simulation.scene import SceneConfig, SceneError, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.simulation.world import Replica, SimulatedWorld
from concept_control.world.entity import TOOL_ID, tool_state

MAX_AHEAD = 1.0
"""Largest time from now to the start of a trajectory that is followed [s]."""

FRAMES_BEHIND = 3
"""Images by which simulated time may run ahead of the camera that draws them."""

LAGGING_PAUSE = 0.05
"""Seconds of the machine that each joint state waits where simulated time is ahead."""

CLOCK_RATE = 100.0
"""Times that the clock is told per simulated second, at most: every node hears it."""

MAX_LATE = 0.1
"""Seconds of the machine behind real time from which simulated time runs slower."""

VIEW_FRAME = 'view_optical_frame'
"""Frame of the onlookers' camera, x to the right of the image and z ahead."""

SPEED_PERIOD = 1.0
"""Seconds over which the speed of the simulation is measured."""


@dataclass
class Parameters:
    """Parameters of the node."""

    arm: str = parameter('franka', 'name of a shipped arm or path of an arm YAML')
    frame: str = parameter('world', 'fixed frame of everything published')
    seed: int = parameter(0, 'seed of the random layout', 0, 2**31 - 1)
    colors: list[str] = parameter(
        ['red', 'blue', 'green', 'yellow'], 'colours of the blocks, one each, by name'
    )
    open_boxes: str = parameter(
        '', 'those of the colours, with commas between, of what is no block but an open box'
    )
    block_size: float = parameter(
        0.0, 'side of the blocks [m]; 0: 4 cm, less in a small workspace', 0.0, 0.08
    )
    min_gap: float = parameter(0.08, 'smallest gap between blocks of the layout [m]', 0.0, 0.3)
    timestep: float = parameter(0.002, 'time step of the physics [s]', 0.0005, 0.005)
    real_time_factor: float = parameter(
        1.0, 'simulated seconds per second, at most', 0.05, 20.0, is_live=True
    )
    joint_state_rate: float = parameter(
        100.0, 'joint states per simulated second, and clock up to 100', 10.0, 500.0
    )
    interface: str = parameter(
        'joint_trajectory',
        "how the arm is commanded; see the controller's `output`",
        choices=INTERFACES,
    )
    command_timeout: float = parameter(
        TORQUE_SPAN,
        'time without a position or torque after which the drives stop the arm [s]',
        0.005,
        1.0,
    )
    truth_rate: float = parameter(20.0, 'true poses per simulated second', 1.0, 100.0)
    publish_clock: bool = parameter(False, 'publish /clock; nodes then need use_sim_time')
    publish_tf: bool = parameter(
        True, 'publish robot_description, and TF of links, tool and cameras'
    )
    cameras: list[str] = parameter(
        ['camera'], 'topic prefixes of the cameras that perception uses'
    )
    image_rate: float = parameter(10.0, 'images of each camera per simulated second', 0.5, 60.0)
    view_name: str = parameter(
        'oblique', "camera of onlookers' pictures", choices=('top', 'oblique'), name='view.name'
    )
    view_every: int = parameter(
        2, 'camera images per onlooker picture; 0: none', 0, 1000, is_live=True, name='view.every'
    )
    backend: str = parameter(
        'auto',
        'how images are made; auto takes the first that works',
        choices=('auto', 'egl', 'osmesa', 'raycast'),
    )


@dataclass
class CameraParameters:
    """Parameters of one simulated camera; their prefix is also that of its topics."""

    name: str = parameter('top', 'camera of the scene', choices=('top', 'oblique'))
    width: int = parameter(640, 'image width [pixels]', 80, 1280)
    height: int = parameter(480, 'image height [pixels]', 60, 960)


class CameraOutput:
    """One simulated camera and its topics; made and used by the camera thread."""

    def __init__(self, node: Node, prefix: str, model: Any, backend: str) -> None:
        p = declare(node, CameraParameters, prefix=prefix)
        self.camera = SimulatedCamera(model, p.name, p.width, p.height, backend)
        self.frame = f'{prefix}_optical_frame'
        self._color = node.create_publisher(Image, f'{prefix}/color/image_raw', qos.RELIABLE)
        self._depth = node.create_publisher(Image, f'{prefix}/depth/image_raw', qos.RELIABLE)
        self._info = node.create_publisher(CameraInfo, f'{prefix}/color/camera_info', qos.RELIABLE)

    def publish(self, now: float, data: Any) -> None:
        """Render a state and publish colour, depth and calibration."""
        color, depth = self.camera.render(data)
        header = convert.header(now, self.frame)
        self._info.publish(convert.camera_info_message(self.camera.intrinsics, header))
        self._color.publish(convert.image_message(color, 'rgb8', header))
        self._depth.publish(convert.image_message(depth.astype(np.float32), '32FC1', header))


class Pacer:
    """Lets simulated time run no faster than a machine's, and slower where it must.

    Attributes:
        speed: Simulated seconds per second, measured; NaN before the first measurement.
    """

    def __init__(self, stop: threading.Event, now: float) -> None:
        """Begin at a simulated time [s]; `stop` ends every wait."""
        self.speed = float('nan')
        self._stop = stop
        self._due = self._measured_at = time.monotonic()
        self._measured_time = now

    def wait(self, now: float, duration: float, is_ahead: bool) -> bool:
        """Wait until the next piece of simulated time may begin.

        Args:
            now: Simulated time [s].
            duration: Time that the last piece shall take [s of the machine].
            is_ahead: Whether the simulation shall wait for the camera that draws it.

        Returns:
            Whether the machine keeps up.
        """
        if (elapsed := time.monotonic() - self._measured_at) > SPEED_PERIOD:
            self.speed = (now - self._measured_time) / elapsed
            self._measured_at, self._measured_time = time.monotonic(), now
        self._due += duration
        late = time.monotonic() - self._due
        if is_ahead:
            # Joint states go on, for their silence would be an alarm.
            self._stop.wait(LAGGING_PAUSE)
            late = max(late, 0.0)
        if late < 0:
            self._stop.wait(-late)
        if late <= MAX_LATE:
            return True
        # Simulated time runs slower rather than jumping ahead.
        self._due = time.monotonic()
        return False


class ArmSimulator(Node):
    """Simulates and publishes what real hardware would."""

    def __init__(self) -> None:
        super().__init__('arm_simulator')
        self.parameters = p = declare(self, Parameters)
        boxes = [name.strip() for name in p.open_boxes.split(',') if name.strip()]
        if not {*boxes} <= {*p.colors}:
            raise SceneError(
                f'open_boxes is {p.open_boxes!r}: expected some of {", ".join(p.colors)}'
            )
        scene = build_scene(
            SceneConfig(
                num_blocks=len(p.colors),
                colors=list(p.colors),
                seed=p.seed,
                sizes=p.block_size or None,
                min_gap=p.min_gap,
                arm=p.arm,
                timestep=p.timestep,
                open_boxes=[1 + p.colors.index(name) for name in boxes],
            )
        )
        self.world = SimulatedWorld(scene)
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._suction_wanted, self._opening_wanted = False, math.nan
        self._now = 0.0
        self._num_followed, self._num_refused, self._refusals = 0, 0, Refusals()
        self._stop = threading.Event()
        self._snapshot: LatestValue[tuple[float, np.ndarray]] = LatestValue()

        self._joint_states = self.create_publisher(JointState, 'joint_states', qos.RELIABLE)
        self._truth = self.create_publisher(EntityArray, 'ground_truth', qos.RELIABLE)
        self._view = self.create_publisher(Image, 'view/image_raw', qos.RELIABLE)
        self._clock_publisher = (
            self.create_publisher(Clock, '/clock', qos.SENSOR) if p.publish_clock else None
        )
        self._arm_frames = ArmFrames(self, scene.arm, p.frame) if p.publish_tf else None
        self._listen(p.interface)
        subscribe = self.create_subscription
        if scene.arm.fingers is None:
            self._suction_state = self.create_publisher(Bool, 'suction_state', qos.LATCHED)
            subscribe(Bool, 'suction_command', self._on_suction, qos.RELIABLE)
        else:
            self._gripper_state = self.create_publisher(Float64, 'gripper_state', qos.RELIABLE)
            subscribe(Float64, 'gripper_command', self._on_gripper, qos.RELIABLE)

        self._diagnostics = Diagnostics(self, self._report)

        self._filmed = 0.0
        # Without /clock, stamps are wall time that began with the simulation.
        self._offset = 0.0 if p.publish_clock else time.time()
        self._pacer = Pacer(self._stop, self.world.time)
        self._workers = [
            Worker(self, 'physics', self._simulate),
            Worker(self, 'camera', self._film),
        ]
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """Stop both threads."""
        self._stop.set()
        self._snapshot.close()
        for worker in self._workers:
            worker.finish()

    def _listen(self, interface: str) -> None:
        """Take commands of one kind, as an arm does whose interface one controller has claimed."""
        subscribe, arm = self.create_subscription, self.world.scene.arm
        timeout = self.parameters.command_timeout
        if interface == 'position':
            self.drive: TrajectoryDrive | PositionDrive | EffortDrive = PositionDrive(arm, timeout)
            subscribe(Float64MultiArray, 'position_commands', self._on_command, qos.RELIABLE)
        elif interface == 'effort':
            self.drive = EffortDrive(arm, timeout)
            subscribe(Float64MultiArray, 'effort_commands', self._on_command, qos.RELIABLE)
        else:
            self.drive = TrajectoryDrive(arm)
            subscribe(JointTrajectory, 'joint_trajectory', self._on_trajectory, qos.RELIABLE)

    def _on_command(self, message: Float64MultiArray) -> None:
        drive = self.drive
        assert not isinstance(drive, TrajectoryDrive)
        self._obey(lambda now: drive.command(now, np.array(message.data)))

    def _on_trajectory(self, message: JointTrajectory) -> None:
        drive = self.drive
        assert isinstance(drive, TrajectoryDrive)

        def follow(now: float) -> None:
            plan = convert.plan_of(message, self.world.scene.arm.joints, now)
            if (ahead := plan.stamp - now) > MAX_AHEAD:
                raise CommandError(
                    f'it begins {ahead:.1f} s from now (limit {MAX_AHEAD:g} s); is it from before '
                    'the clock was set back?'
                )
            drive.follow(plan)

        self._obey(follow)

    def _obey(self, act: Callable[[float], None]) -> None:
        """Do what a command asks for at the present time; refuse what raises a `CommandError`."""
        try:
            with self._lock:
                act(self._now)
            self._num_followed += 1
        except CommandError as error:
            self._num_refused += 1
            self._refusals.note('commands', str(error))
            self.get_logger().error(f'command refused: {error}', throttle_duration_sec=1.0)

    def _report(self) -> Report:
        held = self.world.held
        faults = [str(self._refusals), self._arm_frames.fault if self._arm_frames else '']
        return Report(
            {
                'simulated time [s]': f'{self.world.time:.2f}',
                'simulated seconds per second': f'{self._pacer.speed:.2f}',
                'commands followed': self._num_followed,
                'commands refused': self._num_refused,
                'held': 'nothing' if held is None else f'#{held}',
            },
            warning='; '.join(filter(None, faults)),
        )

    def _on_suction(self, message: Bool) -> None:
        with self._lock:
            self._suction_wanted = message.data

    def _on_gripper(self, message: Float64) -> None:
        with self._lock:
            self._opening_wanted = message.data

    def _simulate(self) -> None:
        """Step the physics in chunks of one joint-state period, no faster than real time."""
        world, p = self.world, self.parameters
        steps = max(1, round(1.0 / p.joint_state_rate / p.timestep))
        period = steps * p.timestep
        clock_every = max(1, round(p.joint_state_rate / CLOCK_RATE))
        truth_every = max(1, round(p.joint_state_rate / p.truth_rate))
        image_every = max(1, round(p.joint_state_rate / p.image_rate))
        suction_published: bool | None = None
        chunk = 0
        while not self._stop.is_set():
            now = self._step(steps)
            if self._clock_publisher is not None and chunk % clock_every == 0:
                self._clock_publisher.publish(Clock(clock=convert.stamp(now)))
            self._publish_state(now)
            if world.fingers is not None:
                self._gripper_state.publish(Float64(data=world.fingers.opening))
            elif (world.held is not None) != suction_published:
                suction_published = world.held is not None
                self._suction_state.publish(Bool(data=suction_published))
            if chunk % truth_every == 0:
                self._truth.publish(self._true_entities(now))
            if chunk % image_every == 0:
                self._snapshot.put((now, world.data.qpos.copy()))
            chunk += 1
            # A machine without time to draw shows no other world than a slower one.
            is_ahead = world.time - self._filmed > FRAMES_BEHIND * image_every * period
            if not self._pacer.wait(world.time, period / p.real_time_factor, is_ahead):
                self.get_logger().warning(
                    'the machine is too slow for this real_time_factor: simulating slower',
                    throttle_duration_sec=10.0,
                )

    def _step(self, steps: int) -> float:
        """Step the physics; return the time after it, which stamps are made of [s]."""
        world = self.world
        with self._lock:
            if world.suction != self._suction_wanted:
                world.set_suction(self._suction_wanted)
            if math.isfinite(self._opening_wanted):
                world.set_opening(self._opening_wanted)
            for _ in range(steps):
                now = self._offset + world.time
                world.step(self.drive.effort(now, *world.joint_state()))
            self._now = self._offset + world.time
            return self._now

    def _publish_state(self, now: float) -> None:
        positions, velocities = self.world.joint_state()
        self._joint_states.publish(
            JointState(
                header=convert.header(now, self.parameters.frame),
                name=list(self.world.scene.arm.joints),
                position=positions.tolist(),
                velocity=velocities.tolist(),
                effort=self.world.applied_effort().tolist(),
            )
        )
        if self._arm_frames is not None:
            self._arm_frames.publish(now, positions)

    def _true_entities(self, now: float) -> EntityArray:
        header = convert.header(now, self.parameters.frame)
        states = {**self.world.entities(), TOOL_ID: tool_state(self.world.tool_pose()[0])}
        entities = [
            convert.entity_message(i, state, 'box' if i != TOOL_ID else 'tool', header.stamp)
            for i, state in states.items()
        ]
        return EntityArray(header=header, entities=entities)

    def _film(self) -> None:
        """Render snapshots; the renderer's context belongs to this thread."""
        p, model = self.parameters, self.world.model
        # The first camera comes last: perception fuses what the others have sent by then.
        cameras = [CameraOutput(self, prefix, model, p.backend) for prefix in p.cameras][::-1]
        first = cameras[-1].camera
        self.get_logger().info(f'camera: {first.backend} ({first.backend_reason})')
        onlooker = SimulatedCamera(model, p.view_name, 640, 480, first.backend)
        if self._arm_frames is not None:
            # They stand still, so any state will do.
            still = self.world.scene.new_data()
            views = [*((c.frame, c.camera) for c in cameras), (VIEW_FRAME, onlooker)]
            self._arm_frames.frames.publish_fixed(
                [pose_of(p.frame, name, view.T_world_camera(still)) for name, view in views]
            )
        replica = Replica(model)
        count = 0
        while (snapshot := self._snapshot.take()) is not None:
            now, positions = snapshot
            data = replica.at(positions)
            for camera in cameras:
                camera.publish(now, data)
            if p.view_every and count % p.view_every == 0:
                picture, _ = onlooker.render(data)
                header = convert.header(now, VIEW_FRAME)
                self._view.publish(convert.image_message(picture, 'rgb8', header))
            self._filmed = now - self._offset
            count += 1


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(ArmSimulator)
