"""Messages to the core's types and back. Everything that comes in is checked here.

What needs no rclpy, because bags are read by it too, stands in `interfaces/decoding.py`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import ColorRGBA, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from concept_control.control.plan import Plan
from concept_control.errors import CommandError
from concept_control.interfaces.decoding import entity_states, seconds
from concept_control.msg import ConceptStatus, Entity, EntityArray
from concept_control.perception.camera_model import Intrinsics
from concept_control.world.entity import OPEN_BOX, EntityState

UNKNOWN = {
    **dict.fromkeys(('energy', 'initial_energy', 'plan_time'), math.nan),
    **dict.fromkeys(('plan_time_p50', 'plan_time_p95', 'plan_time_p99'), math.nan),
    'active_entity': -1,
}
"""Fields of a status that say so where they are not known."""


LATE = 2.0
"""Time by which later messages may overtake one [s]; what is older is of a clock set back."""


@dataclass(frozen=True)
class EntitySnapshot:
    """What perception said at one moment.

    Attributes:
        stamp: Time of the message [s].
        states: Entities by id, fixed frame.
        session: Session of the ids.
    """

    stamp: float
    states: Mapping[int, EntityState]
    session: int

    @classmethod
    def from_message(cls, message: EntityArray, frame: str) -> EntitySnapshot:
        """Read a message of the topic `entities`, which must be in the fixed frame.

        Raises:
            PerceptionError: for a foreign frame, an id twice, or a value that is not finite.
        """
        states = entity_states(message, frame)
        return cls(seconds(message.header.stamp), states, int(message.session))

    def is_overtaken(self, newest: EntitySnapshot | None) -> bool:
        """Tell whether a later one of its session came before, as from a busy recorder's bag."""
        if newest is None or newest.session != self.session:
            return False
        return 0.0 < newest.stamp - self.stamp < LATE


def node_time(node: Node) -> float:
    """Return a node's time [s]."""
    return node.get_clock().now().nanoseconds * 1e-9


def stamp(seconds_: float) -> Time:
    """Return seconds as a stamp, rounded to the nanosecond.

    Raises:
        CommandError: if the time is negative or not finite.
    """
    if not math.isfinite(seconds_) or seconds_ < 0:
        raise CommandError(
            f'a time of {seconds_} s cannot be a stamp; expected a finite time >= 0'
        )
    nanoseconds = round(seconds_ * 1e9)
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """Wrap (H, W, ...) pixels whose dtype fits the encoding."""
    pixels = np.ascontiguousarray(pixels)
    # The message's setter takes an array.array as it is, but looks at every byte of anything else.
    data = array('B', pixels.tobytes())
    return Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=data,
    )


def camera_info_message(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """Describe a calibrated pinhole camera."""
    i = intrinsics
    return CameraInfo(
        header=header,
        height=i.height,
        width=i.width,
        distortion_model='plumb_bob',
        d=list(i.distortion) or [0.0] * 5,
        k=[i.fx, 0.0, i.cx, 0.0, i.fy, i.cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[i.fx, 0.0, i.cx, 0.0, 0.0, i.fy, i.cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def entity_message(
    entity_id: int,
    state: EntityState,
    shape: str,
    last_seen: Time,
    covariance: np.ndarray | None = None,
) -> Entity:
    """Describe an entity in the fixed frame.

    Args:
        entity_id: Id.
        state: State of the entity; the tool's position is its tip.
        shape: Name of the shape; that of an open box its state tells.
        last_seen: Time at which it was there.
        covariance: (3, 3) covariance of the position [m²]; None: it is known exactly.
    """
    return Entity(
        id=entity_id,
        position=point(state.position),
        covariance=np.zeros(9) if covariance is None else np.asarray(covariance).reshape(9),
        yaw=float(state.yaw),
        color=color_message(state.color),
        size=Vector3(**dict(zip('xyz', map(float, state.size)))),
        shape=OPEN_BOX if state.rim > 0 else shape,
        status=state.status,
        last_seen=last_seen,
    )


def status_message(header: Header, source: str, **fields: Any) -> ConceptStatus:
    """Return the status that a node tells, in which only the given fields are known."""
    return ConceptStatus(header=header, source=source, **{**UNKNOWN, **fields})


def trajectory_message(
    plan: Plan, joints: Sequence[str], with_efforts: bool = True
) -> JointTrajectory:
    """Convert a plan: one point a control period.

    joint_trajectory_controller refuses a trajectory whose last point still moves, and one with
    efforts unless it commands efforts.

    Raises:
        CommandError: if the plan does not end at rest.
    """
    if plan.velocities[-1].any():
        raise CommandError('a trajectory must end at rest; the guard plans the stop')
    message = JointTrajectory(joint_names=list(joints))
    message.header.stamp = stamp(plan.stamp)
    last = len(plan.positions) - 1
    for i, position in enumerate(plan.positions):
        point_ = JointTrajectoryPoint(
            positions=position.tolist(),
            velocities=plan.velocities[i].tolist(),
            effort=plan.efforts[min(i, last - 1)].tolist() if with_efforts else [],
        )
        nanoseconds = round(i * plan.dt * 1e9)
        point_.time_from_start.sec = nanoseconds // 1_000_000_000
        point_.time_from_start.nanosec = nanoseconds % 1_000_000_000
        message.points.append(point_)
    return message


def plan_of(message: JointTrajectory, joints: Sequence[str], now: float) -> Plan:
    """Read a trajectory of evenly spaced points as a plan, joints matched by name.

    Where no point has efforts, as joint_trajectory_controller takes them, the plan's are zero.

    Args:
        message: Trajectory; its header's stamp 0 means "from now on".
        joints: Names of the arm's joints, in the plan's order.
        now: Present time [s], same clock as the stamps.

    Raises:
        CommandError: for other joints, efforts of some points only, uneven times or values not
            finite.
    """
    if sorted(message.joint_names) != sorted(joints):
        raise CommandError(
            f'the trajectory names {message.joint_names}; expected exactly {list(joints)}'
        )
    if len(message.points) < 2:
        raise CommandError(f'the trajectory has {len(message.points)} points; expected 2 or more')
    order = [message.joint_names.index(name) for name in joints]
    times = np.array(
        [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in message.points]
    )
    dt = float(times[1] - times[0])
    if dt <= 0 or not np.allclose(np.diff(times), dt, atol=1e-6):
        raise CommandError(
            f'the trajectory must have evenly spaced, increasing times, got {times}'
        )

    def column(name: str) -> np.ndarray:
        rows = [getattr(p, name) for p in message.points]
        if any(len(row) != len(order) for row in rows):
            raise CommandError(f'every point must have {len(order)} {name}')
        values = np.array(rows, dtype=float)[:, order]
        if not np.isfinite(values).all():
            raise CommandError(f'the trajectory holds NaN or infinity in {name}')
        return values

    start, positions = seconds(message.header.stamp) or now, column('positions')
    has_efforts = any(len(point.effort) for point in message.points)
    return Plan(
        stamp=start + float(times[0]),
        dt=dt,
        positions=positions,
        velocities=column('velocities'),
        efforts=column('effort')[:-1] if has_efforts else np.zeros_like(positions[:-1]),
    )


def point(position: np.ndarray) -> Point:
    """Convert (3,) [m]."""
    return Point(x=float(position[0]), y=float(position[1]), z=float(position[2]))


def color_message(rgb: np.ndarray, alpha: float = 1.0) -> ColorRGBA:
    """Convert (3,) RGB in [0, 1]."""
    return ColorRGBA(r=float(rgb[0]), g=float(rgb[1]), b=float(rgb[2]), a=alpha)


def header(time: float, frame: str) -> Header:
    """Return a header at `time` [s]."""
    return Header(stamp=stamp(time), frame_id=frame)


def ids_array(ids: Sequence[int]) -> Any:
    """Return ids as a message field takes them."""
    return np.array(list(ids), dtype=np.int32)
