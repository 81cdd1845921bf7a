"""Track of one block: a constant-velocity filter, and its smoothed colour, size and shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import block_diag

from concept_control.perception.detection.detector import Detection
from concept_control.world.entity import OPEN_BOX, RIM, EntityStatus

SIZE_NOISE = 0.003
"""Change of a side length that noise explains [m]."""

GRIP_SIGMA = 0.0002
"""Standard deviation of what a tool does to the place of a block it takes hold of [m]."""

RELEASE_SIGMA = 0.001
"""Standard deviation of what falling and settling do to a block that is let go [m]."""

FALL_SPREAD = 0.3
"""Standard deviation of where a block that was let go of in the air comes to rest, over the height
it fell: it bounces and rolls."""

REST_SPEED, NEW_SPEED = 0.001, 0.1
"""Standard deviation of the velocity of a block that is taken to rest, and of a new one [m/s]."""

SURPRISE = 11.345
"""99th percentile of chi-squared with three degrees of freedom: what is measured farther off than
that, in units of its covariance, says that a block's motion has changed."""

SHARED = 0.16
"""Share of a measurement's variance that is the same in every frame of a block that rests, so that
averaging does not take it away (measured: 0.1 to 0.2, from above and from the side)."""

KNOWN_HITS = 5
"""Frames after which a block's size is known."""


@dataclass
class Track:
    """A block that is being followed; `TrackedEntity` is what others see of it.

    Attributes:
        state: (6,) position [m] and velocity [m/s], world frame.
        covariance: (6, 6) covariance of the state, apart from what all measurements share.
        shared: (3, 3) covariance of the error that they share [m²].
        yaw: Rotation about the vertical axis [rad].
        color: (3,) albedo, RGB in [0, 1].
        size: (3,) side lengths or diameters [m].
        shapes: Weighted number of times each shape was seen.
        last_seen: Stamp of the last frame that showed it [s].
        hits: Number of frames that showed it.
        misses: Number of frames since it was seen in which it was visibly absent, less those in
            which it could be hidden.
        id: 0 until it is believed.
        status: Status: seen, occluded or held.
        grip: (3,) position relative to the tool while held, in the tool's heading [m].
        grip_yaw: Yaw relative to the tool's heading while held [rad].
        grip_covariance: (3, 3) covariance of `grip` [m²].
        before: (3,) position before the prediction for the current frame [m].
        before_covariance: (3, 3) covariance of `before` [m²].
        manoeuvre: (6, 6) what a change of motion since the last frame adds to the covariance.
    """

    state: np.ndarray
    covariance: np.ndarray
    shared: np.ndarray
    yaw: float
    color: np.ndarray
    size: np.ndarray
    shapes: dict[str, float]
    last_seen: float
    hits: int = 1
    misses: int = 0
    id: int = 0
    status: EntityStatus = EntityStatus.SEEN
    grip: np.ndarray | None = None
    grip_yaw: float = 0.0
    grip_covariance: np.ndarray = field(default_factory=lambda: np.eye(3))
    before: np.ndarray = field(default_factory=lambda: np.zeros(3))
    before_covariance: np.ndarray = field(default_factory=lambda: np.eye(3))
    manoeuvre: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))

    @classmethod
    def begin(cls, detection: Detection, stamp: float) -> Track:
        """Return the track of a block seen for the first time."""
        return cls(
            state=np.concatenate([detection.position, np.zeros(3)]),
            covariance=_covariance(detection.covariance, NEW_SPEED),
            shared=SHARED * detection.covariance,
            yaw=detection.yaw,
            color=detection.color.copy(),
            size=detection.size.copy(),
            shapes={detection.shape: 1.0},
            last_seen=stamp,
        )

    @property
    def position(self) -> np.ndarray:
        """(3,) centre [m]."""
        return self.state[:3]

    @property
    def position_covariance(self) -> np.ndarray:
        """(3, 3) of the centre [m²], as others should take it."""
        return self.covariance[:3, :3] + self.shared

    @property
    def top(self) -> np.ndarray:
        """(3,) middle of the upper face [m]."""
        return self.position + np.array([0.0, 0.0, 0.5 * self.size[2]])

    @property
    def shape(self) -> str:
        """The shape it was seen to have most."""
        return max(self.shapes, key=lambda name: self.shapes[name])

    def upright_parts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return centres (3,) and sides (3,) [m] of what is as high: of an open box, posts."""
        if self.shape != OPEN_BOX:
            return [(self.position, self.size)]
        ways = np.array([[x, y, 0.0] for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y])
        half = np.array([*(self.size[:2] - RIM) / 2, 0.0])
        post = np.array([RIM, RIM, self.size[2]])
        return [
            (self.position + rotate_about_vertical(way * half, self.yaw), post) for way in ways
        ]

    def hold(self, tool: np.ndarray, yaw: float) -> None:
        """Attach to the tool, whose tip is at (3,) with a heading."""
        self.status, self.misses = EntityStatus.HELD, 0
        self.grip = rotate_about_vertical(self.position - tool, -yaw)
        self.grip_yaw = self.yaw - yaw
        self.grip_covariance = self.covariance[:3, :3] + GRIP_SIGMA**2 * np.eye(3)
        self.covariance = _covariance(self.grip_covariance)

    def release(self, support: float) -> None:
        """Let go; it falls, and rests below where it was until it is seen.

        Args:
            support: Height of what is under it, world z [m].
        """
        self.status, self.grip = EntityStatus.OCCLUDED, None
        height = support + 0.5 * self.size[2]
        sigma = RELEASE_SIGMA + FALL_SPREAD * max(self.position[2] - height, 0.0)
        self.state[2:] = height, 0.0, 0.0, 0.0
        spread = np.diag([sigma, sigma, RELEASE_SIGMA]) ** 2
        self.covariance = _covariance(self.covariance[:3, :3] + spread)

    def follow(self, tool: np.ndarray, yaw: float, elapsed: float) -> None:
        """Move with the tool."""
        if self.grip is None:
            return
        position = tool + rotate_about_vertical(self.grip, yaw)
        velocity = (position - self.position) / elapsed if elapsed else np.zeros(3)
        self.state = np.concatenate([position, velocity])
        self.yaw = self.grip_yaw + yaw
        self.covariance[:3, :3] = self.grip_covariance

    def wait(self, elapsed: float, speed: float) -> None:
        """Stay held where the tool was last known to be, while it may move at a speed [m/s]."""
        self.state[3:] = 0.0
        self.covariance[:3, :3] += (speed * elapsed) ** 2 * np.eye(3)

    def predict(self, elapsed: float, acceleration: float, start_speed: float) -> None:
        """Move on by constant velocity.

        Args:
            elapsed: Time since the last frame [s].
            acceleration: Standard deviation of the acceleration of a block whose motion goes on
                as it was, most often at rest [m/s²].
            start_speed: Standard deviation of the change of velocity of one that begins to move,
                or stops; `correct` decides whether it does [m/s].
        """
        self.before = self.position.copy()
        self.before_covariance = self.covariance[:3, :3].copy()
        self.state[:3] += elapsed * self.state[3:]
        transition = np.eye(6)
        transition[:3, 3:] = elapsed * np.eye(3)
        # Piecewise constant acceleration, Bar-Shalom, Li, Kirubarajan 2001, section 6.3.2.
        push = acceleration * np.array([0.5 * elapsed**2, elapsed])
        self.covariance = transition @ self.covariance @ transition.T
        self.covariance += np.kron(np.outer(push, push), np.eye(3))
        start = start_speed * np.array([elapsed, 1.0])
        self.manoeuvre = np.kron(np.outer(start, start), np.eye(3))

    def correct(self, detection: Detection, stamp: float, jumped: bool = False) -> None:
        """Take in a measurement; after a jump nothing of the old motion holds."""
        self.last_seen, self.misses, self.status = stamp, 0, EntityStatus.SEEN
        self.hits += 1
        # Blocks keep their size: what looks larger or smaller was cut out wrongly, and its centre
        # is off by about half as much.
        growth = 0.0
        if self.hits > KNOWN_HITS:
            growth = max(float(np.abs(detection.size - self.size).max()) - SIZE_NOISE, 0.0)
        noise = detection.covariance + (0.5 * growth) ** 2 * np.eye(3)
        if jumped:
            self.state = np.concatenate([detection.position, np.zeros(3)])
            self.covariance = _covariance(detection.covariance, NEW_SPEED)
            self.shared = SHARED * noise
        else:
            self._filter(detection.position - self.position, noise)
        # A half hidden block shows less of its colour and size.
        share = max(1.0 / self.hits, 0.1) * detection.visible_fraction
        if growth > SIZE_NOISE:
            share *= 0.1
        self.color = (1.0 - share) * self.color + share * detection.color
        self.size = (1.0 - share) * self.size + share * detection.size
        self.shapes[detection.shape] = self.shapes.get(detection.shape, 0.0) + share
        self.yaw = self._nearest_yaw(detection, share)

    def _filter(self, innovation: np.ndarray, noise: np.ndarray) -> None:
        """Take in a (3,) difference to the prediction, with the (3, 3) noise of its measurement.

        One filter that is calm until it is surprised, after Bar-Shalom, Li, Kirubarajan 2001,
        section 11.2.2 (adjustable level process noise).
        """
        total = self.covariance[:3, :3] + noise
        if innovation @ np.linalg.solve(total, innovation) > SURPRISE:
            self.covariance = self.covariance + self.manoeuvre
            total = self.covariance[:3, :3] + noise
        gain = np.linalg.solve(total, self.covariance[:3]).T
        self.state = self.state + gain @ innovation
        self.covariance = self.covariance - gain @ self.covariance[:3]
        self.covariance = 0.5 * (self.covariance + self.covariance.T)
        # The shared error approaches SHARED times the noise as far as the measurements count.
        kept = np.eye(3) - gain[:3]
        after = self.covariance[:3, :3]
        fresh = 2.0 * after - gain[:3] @ after
        self.shared = kept @ self.shared @ kept.T + 0.5 * SHARED * (fresh + fresh.T)

    def miss(self, elapsed: float, drift: float, is_hidden: bool) -> None:
        """Stay where it was, ever less surely.

        Args:
            elapsed: Time since the last frame [s].
            drift: Growth of the standard deviation [m/sqrt(s)].
            is_hidden: Whether it could be there unseen; else it counts as absent.
        """
        self.status = EntityStatus.OCCLUDED
        # Blocks rest unless something moves them.
        self.state = np.concatenate([self.before, np.zeros(3)])
        self.covariance = _covariance(self.before_covariance + drift**2 * elapsed * np.eye(3))
        # What passes before the place does not undo that it was seen empty.
        self.misses = max(self.misses - 1, 0) if is_hidden else self.misses + 1

    def _nearest_yaw(self, detection: Detection, share: float) -> float:
        """Return the smoothed yaw, continuous over the symmetries of the footprint."""
        if detection.shape not in ('box', OPEN_BOX):
            return 0.0
        sides = self.size[:2]
        period = np.pi / 2 if abs(sides[0] - sides[1]) < 0.2 * sides.max() else np.pi
        change = (detection.yaw - self.yaw + 0.5 * period) % period - 0.5 * period
        return float(self.yaw + max(share, 0.3) * change)


def _covariance(position_covariance: np.ndarray, speed: float = REST_SPEED) -> np.ndarray:
    """Return (6, 6) for a (3, 3) of the position and the deviation of the velocity [m/s]."""
    return block_diag(position_covariance, speed**2 * np.eye(3))


def rotate_about_vertical(vector: np.ndarray, yaw: float) -> np.ndarray:
    """Return a (3,) vector rotated about the vertical axis by an angle [rad]."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y, z = vector
    return np.array([cos * x - sin * y, sin * x + cos * y, z])
