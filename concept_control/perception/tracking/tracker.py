"""Tracker of blocks over time: their ids, where hidden ones are, and what the tool holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from concept_control.errors import PerceptionError
from concept_control.perception.detection.detector import Detection
from concept_control.perception.tracking.tool_history import GripEvent
from concept_control.perception.tracking.track import Track
from concept_control.world.entity import OPEN_BOX, RIM, EntityState, EntityStatus

Hidden = Callable[[np.ndarray, np.ndarray], bool]
"""Test whether a body at a (3,) position with a (3,) size could be there without being seen."""


@dataclass(frozen=True)
class TrackerConfig:
    """Thresholds and noise of the tracker.

    Attributes:
        birth_hits: Number of frames a new block must be seen in before it gets an id.
        death_misses: Number of frames a block must be visibly absent from to be given up.
        gate: Largest distance of a block from where it was expected [m].
        color_gate: Largest difference of colour of the same block, RGB distance.
        reach: Largest distance at which a vanished block reappears, if its colour fits [m].
        acceleration: Standard deviation of a visible block's acceleration while its motion goes on
            as it was [m/s²].
        start_speed: Standard deviation of its change of velocity when it begins to move, or
            stops [m/s].
        hidden_drift: Growth of a hidden block's standard deviation [m/sqrt(s)].
        grasp_radius: Largest distance of the attached block's centre from the tool's tip [m].
        hold_clearance: Distance to a held block within which what is seen, and is of no other,
            is taken for it [m].
        birth_clearance: Distance to the tool's axis within which new blocks are not believed [m].
        tool_shade: Distance around the tool within which blocks may be hidden [m].
        tool_speed: Growth of a held block's standard deviation while the tool's pose is
            unknown [m/s].
        table_height: Height of the table on which released blocks come to rest, world z [m].
    """

    birth_hits: int = 2
    death_misses: int = 10
    gate: float = 0.06
    color_gate: float = 0.45
    reach: float = 0.8
    acceleration: float = 0.005
    start_speed: float = 0.2
    hidden_drift: float = 0.0002
    grasp_radius: float = 0.05
    hold_clearance: float = 0.08
    birth_clearance: float = 0.035
    tool_shade: float = 0.2
    tool_speed: float = 0.3
    table_height: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrackedEntity(EntityState):
    """A block as it is known now; the fields of `Entity`.

    Attributes:
        id: Number from 1 upwards, which stays while the block is tracked.
        covariance: (3, 3) covariance of the position [m²].
        shape: Shape class: box, cylinder, ball or open box.
        last_seen: Stamp of the last frame that showed it [s].
    """

    id: int
    covariance: np.ndarray
    shape: str
    last_seen: float


class EntityTracker:
    """Follows blocks from frame to frame.

    A block that is not seen keeps its id and its place, with growing covariance, for as long as
    something could hide it; it dies only where the camera sees that it is gone. A block attached
    to the tool follows the tool; let go of, it falls on what is under it. What looks like a block
    that is held or missing is taken for that block before it is taken for a new one. If time runs
    backwards everything is forgotten.
    """

    def __init__(self, config: TrackerConfig | None = None) -> None:
        """Start with nothing known."""
        self.config = config or TrackerConfig()
        self.reset_reason = ''
        self.num_resets = 0
        self._tracks: list[Track] = []
        self._stamp: float | None = None
        self._next_id = 1
        self._last_tool: np.ndarray | None = None

    def reset(self, reason: str = 'asked to') -> None:
        """Forget every block; ids start from 1 again."""
        self._tracks, self._stamp, self._next_id, self._last_tool = [], None, 1, None
        self.reset_reason = reason
        self.num_resets += 1

    def update(
        self,
        detections: Sequence[Detection],
        stamp: float,
        tool_position: np.ndarray | None = None,
        attached: bool = False,
        tool_yaw: float = 0.0,
        hidden: Hidden | None = None,
        grips: Sequence[GripEvent] = (),
    ) -> list[TrackedEntity]:
        """Take in one frame (of one camera, or fused).

        Args:
            detections: Blocks that the frame shows.
            stamp: Time of the frame [s]. An older stamp than the last resets the tracker, see
                `reset_reason` and `num_resets`; the same stamp again changes nothing.
            tool_position: (3,) tool tip at that time, world frame [m]; None if unknown. What is
                held stays held, ever less surely, until `attached` says otherwise.
            attached: Whether the tool holds something.
            tool_yaw: Heading of the tool about the vertical axis [rad].
            hidden: Test whether a block could be somewhere unseen (`Detector.could_hide`); None
                takes only blocks near the tool for possibly hidden.
            grips: Events of taking hold and letting go since the last frame, with the place then;
                without them the place is guessed from where the tool was in the frames.

        Returns:
            All blocks known, by id.

        Raises:
            PerceptionError: For a stamp or tool position that is not finite.
        """
        tool = self._check(stamp, tool_position)
        if self._stamp is not None and stamp < self._stamp:
            self.reset(f'time went back by {self._stamp - stamp:.3f} s')
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        if self._stamp is not None and elapsed == 0.0:
            return self.entities()
        self._stamp = stamp
        for event in grips:
            self._replay(event)
        self._grip(tool, attached, tool_yaw)
        for track in self._tracks:
            if track.status == EntityStatus.HELD and tool is not None:
                track.follow(tool, tool_yaw, elapsed)
            elif track.status == EntityStatus.HELD:
                track.wait(elapsed, self.config.tool_speed)
            else:
                track.predict(elapsed, self.config.acceleration, self.config.start_speed)
        remaining = self._associate(detections, stamp)
        for track in self._tracks:
            if track.last_seen != stamp and track.status != EntityStatus.HELD:
                is_hidden = self._is_hidden(track, tool, hidden)
                track.miss(elapsed, self.config.hidden_drift, is_hidden)
        for index in remaining:
            self._begin(detections[index], stamp, tool)
        patience = self.config.death_misses
        self._tracks = [t for t in self._tracks if t.misses < (patience if t.id else 1)]
        self._drop_doubles()
        return self.entities()

    def entities(self) -> list[TrackedEntity]:
        """Return all blocks known, by id."""
        return [
            TrackedEntity(
                id=track.id,
                position=track.position.copy(),
                covariance=track.position_covariance,
                yaw=float(track.yaw),
                rim=RIM if track.shape == OPEN_BOX else 0.0,
                color=track.color.copy(),
                size=track.size.copy(),
                shape=track.shape,
                status=track.status,
                last_seen=track.last_seen,
            )
            for track in sorted(self._tracks, key=lambda track: track.id)
            if track.id
        ]

    def _check(self, stamp: float, tool_position: np.ndarray | None) -> np.ndarray | None:
        if not np.isfinite(stamp):
            raise PerceptionError(f'the stamp of a frame must be finite seconds, got {stamp}')
        if tool_position is None:
            return None
        tool = np.asarray(tool_position, dtype=float)
        if tool.shape != (3,) or not np.isfinite(tool).all():
            raise PerceptionError(f'the tool position must be finite (3,) metres, got {tool}')
        return tool

    def _replay(self, event: GripEvent) -> None:
        """Take hold or let go where the tool was when it did, in between two frames."""
        held = [track for track in self._tracks if track.status == EntityStatus.HELD]
        if event.tool is None:
            return  # the frame itself will have to tell
        if not event.attached:
            for track in held:
                track.follow(event.tool.position, event.tool.yaw, 0.0)
                self._let_go(track)
        elif not held:
            self._take_hold(
                {track.id: event.tool.position for track in self._tracks}, event.tool.yaw
            )

    def _grip(self, tool: np.ndarray | None, attached: bool, yaw: float) -> None:
        """Decide what the tool holds when it attaches, and let go when it releases."""
        held = [track for track in self._tracks if track.status == EntityStatus.HELD]
        if not attached:
            for track in held:
                self._let_go(track)
        elif not held and tool is not None:
            self._take_hold({t.id: self._tip_at_contact(t, tool) for t in self._tracks}, yaw)
        self._last_tool = tool

    def _take_hold(self, tips: Mapping[int, np.ndarray], yaw: float) -> None:
        """Attach the block that is nearest to the tool's tip, (3,) [m] by track, if one is."""
        known = [track for track in self._tracks if track.id]
        distances = [np.linalg.norm(track.position - tips[track.id]) for track in known]
        if distances and min(distances) < self.config.grasp_radius:
            track = known[int(np.argmin(distances))]
            track.hold(tips[track.id], yaw)

    def _let_go(self, track: Track) -> None:
        """Let a held block fall on the table, or on the block under its centre."""
        tops = [
            other.top[2] if other.shape != OPEN_BOX else other.top[2] - other.size[2] + RIM
            for other in self._tracks
            if other.status != EntityStatus.HELD
            and other.top[2] < track.position[2]
            and np.linalg.norm(other.position[:2] - track.position[:2])
            < 0.5 * other.size[:2].min()
        ]
        track.release(max([self.config.table_height, *tops]))

    def _tip_at_contact(self, track: Track, tool: np.ndarray) -> np.ndarray:
        """Return where the tool was when it attached: it may have moved on by this frame."""
        if self._last_tool is None:
            return tool
        return min((tool, self._last_tool), key=lambda tip: float(np.linalg.norm(tip - track.top)))

    def _associate(self, detections: Sequence[Detection], stamp: float) -> list[int]:
        """Match detections with tracks and take them in; return the indices that are left."""
        free = list(range(len(detections)))
        resting = [track for track in self._tracks if track.status != EntityStatus.HELD]
        known = [track for track in resting if track.id]
        self._take_in(known, detections, free, stamp)
        # What is seen of a held block hangs in the air, where the detector, which expects blocks
        # on the table, misplaces it: the tool's pose is better.
        for track in self._tracks:
            if track.status == EntityStatus.HELD:
                for index in list(free):
                    aside = detections[index].position[:2] - track.position[:2]
                    if np.linalg.norm(aside) < self.config.hold_clearance:
                        track.last_seen = stamp
                        free.remove(index)
        vanished = [track for track in known if track.last_seen != stamp]
        self._take_in(vanished, detections, free, stamp, jumped=True)
        self._take_in([track for track in resting if not track.id], detections, free, stamp)
        return free

    def _take_in(
        self,
        tracks: list[Track],
        detections: Sequence[Detection],
        free: list[int],
        stamp: float,
        jumped: bool = False,
    ) -> None:
        """Correct tracks by the free detections that match them, which are free no more."""
        if not tracks or not free:
            return
        config = self.config
        gate, share = (config.reach, 0.5) if jumped else (config.gate, 1.0)
        costs = np.full((len(tracks), len(free)), 1e6)
        for row, track in enumerate(tracks):
            for column, index in enumerate(free):
                detection = detections[index]
                if (detection.shape == OPEN_BOX) != (track.shape == OPEN_BOX):
                    continue  # walls of a box that is partly hidden are seen as blocks
                distance = float(np.linalg.norm(detection.position - track.position))
                tint = float(np.linalg.norm(detection.color - track.color))
                spread = float(np.sqrt(np.trace(track.covariance[:3, :3])))
                # Of a block that is nearly hidden the colour is uncertain; its place is not.
                is_same_place = distance < 0.3 * track.size.mean()
                is_same_color = tint < share * config.color_gate
                is_same_color |= is_same_place and not jumped
                if distance < gate + 2.0 * min(spread, 0.05) and is_same_color:
                    growth = float(np.abs(detection.size - track.size).max())
                    costs[row, column] = distance / 0.02 + tint / 0.1 + growth / 0.02
        rows, columns = linear_sum_assignment(costs)
        matches = [(free[c], tracks[r]) for r, c in zip(rows, columns) if costs[r, c] < 1e6]
        for index, track in matches:
            track.correct(detections[index], stamp, jumped)
            free.remove(index)
            if not track.id and track.hits >= config.birth_hits and not self._looks_held(track):
                self._name(track)

    def _looks_held(self, track: Track) -> bool:
        """Tell whether a block may be the held one: word of its release can come late."""
        return any(
            other.status == EntityStatus.HELD
            and np.linalg.norm(other.color - track.color) < 0.5 * self.config.color_gate
            for other in self._tracks
        )

    def _name(self, track: Track) -> None:
        track.id = self._next_id
        self._next_id += 1

    def _is_hidden(self, track: Track, tool: np.ndarray | None, hidden: Hidden | None) -> bool:
        if hidden is not None:
            return any(hidden(place, size) for place, size in track.upright_parts())
        if tool is None:
            return False
        return bool(np.linalg.norm(track.position[:2] - tool[:2]) < self.config.tool_shade)

    def _drop_doubles(self) -> None:
        """Forget the less trusted one of two blocks that would stand in each other."""
        # The oldest block seen last is the one to believe.
        order = sorted(
            self._tracks, key=lambda t: (t.status != EntityStatus.HELD, -t.last_seen, t.id or 1e9)
        )
        kept: list[Track] = []
        for track in order:
            clash = any(
                np.linalg.norm(track.position - other.position)
                < 0.4 * min(track.size[:2].min(), other.size[:2].min())
                and (track.shape == OPEN_BOX) == (other.shape == OPEN_BOX)
                for other in kept
            )
            if not clash:
                kept.append(track)
        self._tracks = kept

    def _begin(self, detection: Detection, stamp: float, tool: np.ndarray | None) -> None:
        if tool is not None:
            aside = np.linalg.norm(detection.position[:2] - tool[:2])
            if aside < self.config.birth_clearance and tool[2] < detection.position[2] + 0.2:
                return
        for box in self._tracks:
            is_hidden = box.shape == OPEN_BOX and box.last_seen != stamp
            aside = np.linalg.norm(detection.position[:2] - box.position[:2])
            if is_hidden and aside < np.hypot(*box.size[:2]) / 2:
                return  # it may be of the box's walls
        track = Track.begin(detection, stamp)
        if self.config.birth_hits <= 1:
            self._name(track)
        self._tracks.append(track)
