import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.errors import PerceptionError
from concept_control.perception.detection.detector import Detection
from concept_control.perception.tracking.tool_history import GripEvent, GripHistory, ToolPose
from concept_control.perception.tracking.track import GRIP_SIGMA, SHARED
from concept_control.perception.tracking.tracker import EntityTracker, TrackerConfig
from concept_control.world.entity import OPEN_BOX, EntityStatus

RED, GREEN, BLUE = np.eye(3) * 0.8 + 0.1
SIGMA = 5e-4


def seen(position, color=RED, side=0.04, **changes):
    fields = {
        'position': np.asarray(position, dtype=float),
        'covariance': SIGMA**2 * np.eye(3),
        'color': np.asarray(color, dtype=float),
        'size': np.full(3, side),
        'yaw': 0.0,
        'shape': 'box',
        'num_pixels': 400,
        'visible_fraction': 1.0,
    }
    return Detection(**{**fields, **changes})


def always(position, size):
    return True


def never(position, size):
    return False


def by_color(entities, color):
    return min(entities, key=lambda entity: np.linalg.norm(entity.color - color))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_ids_stay_while_blocks_move_and_blink(seed):
    rng = np.random.default_rng(seed)
    num = int(rng.integers(2, 6))
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    places = np.column_stack([0.15 * np.cos(angle), 0.15 * np.sin(angle), np.full(num, 0.02)])
    colors = rng.uniform(0, 1, (num, 3)).round()
    velocity = rng.uniform(-0.04, 0.04, (num, 3)) * (1, 1, 0)
    tracker, owner = EntityTracker(), {}
    for frame in range(30):
        where = places + velocity * frame / 30 + SIGMA * rng.standard_normal((num, 3))
        shown = [i for i in rng.permutation(num) if frame < 3 or rng.random() < 0.8]
        entities = tracker.update(
            [seen(where[i], colors[i]) for i in shown], frame / 30, hidden=always
        )
        for entity in entities:
            distance = np.linalg.norm(places + velocity * frame / 30 - entity.position, axis=1)
            block = int(np.argmin(distance))
            assert distance[block] < 0.01
            assert owner.setdefault(entity.id, block) == block
    assert sorted(owner) == list(range(1, num + 1))


def test_birth_needs_hits_and_death_needs_absence():
    tracker = EntityTracker(TrackerConfig(birth_hits=3, death_misses=4))
    for frame in range(3):
        assert len(tracker.update([seen([0, 0, 0.02])], float(frame))) == (frame == 2)
    assert tracker.entities()[0].status == EntityStatus.SEEN
    for frame in range(3, 6):
        entity = tracker.update([], float(frame), hidden=never)[0]
        assert entity.status == EntityStatus.OCCLUDED
    assert tracker.update([], 6.0, hidden=never) == []
    # A flicker never gets an id, and ids are not used twice.
    tracker.update([seen([0.2, 0, 0.02])], 7.0)
    assert tracker.update([], 8.0, hidden=always) == []
    for frame in range(9, 12):
        tracker.update([seen([0, 0, 0.02])], float(frame))
    assert [entity.id for entity in tracker.entities()] == [2]


def test_a_hidden_block_keeps_its_place_and_doubt_grows():
    tracker = EntityTracker()
    for frame in range(5):
        tracker.update([seen([0.4, 0.1, 0.02])], frame / 30)
    spread = []
    for frame in range(5, 200):
        entity = tracker.update([], frame / 30, hidden=always)[0]
        spread.append(np.sqrt(entity.covariance[0, 0]))
        assert entity.status == EntityStatus.OCCLUDED
        assert entity.last_seen == pytest.approx(4 / 30)
        np.testing.assert_allclose(entity.position, [0.4, 0.1, 0.02], atol=1e-3)
    assert (np.diff(spread) > 0).all()
    assert 1.3 * spread[0] < spread[-1] < 2e-3
    entity = tracker.update([seen([0.401, 0.1, 0.02])], 10.0)[0]
    assert (entity.id, entity.status) == (1, EntityStatus.SEEN)
    np.testing.assert_allclose(entity.position, [0.401, 0.1, 0.02], atol=5e-4)


def test_a_block_moved_unseen_is_known_again_by_its_color():
    tracker = EntityTracker()
    for frame in range(3):
        tracker.update([seen([0.4, 0.1, 0.02], RED), seen([0.4, -0.1, 0.02], BLUE)], frame / 30)
    red = by_color(tracker.entities(), RED).id
    for frame in range(3, 20):
        tracker.update([seen([0.4, -0.1, 0.02], BLUE)], frame / 30, hidden=always)
    found = tracker.update(
        [seen([0.6, 0.0, 0.02], RED), seen([0.4, -0.1, 0.02], BLUE)], 20 / 30, hidden=always
    )
    assert len(found) == 2
    entity = by_color(found, RED)
    assert entity.id == red
    np.testing.assert_allclose(entity.position, [0.6, 0.0, 0.02], atol=1e-3)
    # Another colour at a new place is another block.
    for frame in range(21, 24):
        found = tracker.update([seen([0.5, 0.2, 0.02], GREEN)], frame / 30, hidden=always)
    assert sorted(entity.id for entity in found) == [1, 2, 3]


def test_a_held_block_follows_the_tool_and_is_found_where_it_is_released():
    tracker = EntityTracker()
    others = [seen([0.4, -0.1, 0.02], BLUE)]
    tool = np.array([0.5, 0.1, 0.041])
    for frame in range(3):
        above = tool + np.array([0.0, 0.0, 0.3 if frame < 2 else 0.0])
        tracker.update([seen([0.5, 0.1, 0.02], RED), *others], frame / 30, above)
    red = by_color(tracker.entities(), RED).id
    for frame in range(3, 30):
        # Fast, and attached somewhere between two frames.
        tool = tool + np.array([0.0, 0.004, 0.01 if frame < 10 else 0.0])
        yaw = 0.02 * (frame - 3)
        # What the camera makes of the block in the air is not believed.
        ghost = seen(tool + np.array([0.02, 0.0, -0.05]), RED, side=0.05)
        found = tracker.update(
            [*others, ghost], frame / 30, tool, True, tool_yaw=yaw, hidden=never
        )
        assert len(found) == 2
        entity = by_color(found, RED)
        assert (entity.id, entity.status) == (red, EntityStatus.HELD)
        np.testing.assert_allclose(entity.position, tool - [0, 0, 0.021], atol=1.5e-3)
        assert tracker._tracks[0].state[4] == pytest.approx(0.12, abs=0.02)  # its speed in y
        assert by_color(found, BLUE).status == EntityStatus.SEEN
    place = np.array([tool[0], tool[1], 0.02])
    for frame in range(30, 33):
        found = tracker.update(
            [*others, seen(place, RED)], frame / 30, tool + np.array([0, 0, 0.1])
        )
    entity = by_color(found, RED)
    assert (entity.id, entity.status, len(found)) == (red, EntityStatus.SEEN, 2)
    np.testing.assert_allclose(entity.position, place, atol=2e-3)


def test_what_was_gripped_between_two_frames_is_known_by_where_the_tool_was_then():
    """On a busy machine frames come a second late and a second apart."""
    tracker, history = EntityTracker(), GripHistory()
    start, end, up = np.array([0.5, 0.0, 0.02]), np.array([0.4, 0.2, 0.02]), np.array([0, 0, 0.3])
    top, aside = np.array([0.0, 0.0, 0.02]), np.array([0.5, 0.3, 0.02])
    for time in (0.0, 0.1, 0.2):
        tracker.update([seen(start), seen(aside, BLUE)], time, start + up)
    history.add(GripEvent(0.7, True, ToolPose(start + top, 0.3)))
    history.add(GripEvent(2.6, False, ToolPose(end + top, 0.3)))

    def frame(time, detections, tool):
        grips = history.until(time)
        return tracker.update(detections, time, tool, history.attached, 0.3, always, grips)

    blue = seen(aside, BLUE)
    # The first frame after the grip: the tool has carried the block half a metre away.
    red = frame(1.7, [blue], end + up + top)[0]
    assert red.status == EntityStatus.HELD
    np.testing.assert_allclose(red.position, end + up, atol=1e-3)
    # The first frame after the release: the tool is gone, the block is where it was let go of.
    red = frame(3.7, [blue], start + up)[0]
    assert red.status != EntityStatus.HELD
    np.testing.assert_allclose(red.position, end, atol=1e-3)
    red = frame(4.0, [seen(end), blue], start + up)[0]
    assert (red.id, red.status) == (1, EntityStatus.SEEN)


def under_the_arm(tool):
    """Return what a camera straight above cannot see while the arm is over a place."""
    return lambda position, size: np.linalg.norm(position[:2] - tool[:2]) < 0.15


@pytest.mark.parametrize('frames_late', [0, 5])
def test_a_release_that_is_heard_late_leaves_no_ghost_and_keeps_the_id(frames_late):
    """A node that froze hears of the release at the newest pose, with the tool back at rest."""
    tracker = EntityTracker(TrackerConfig(table_height=0.1))
    start, end, up = np.array([0.5, 0.1, 0.12]), np.array([0.5, -0.2, 0.12]), np.array([0, 0, 0.3])
    rest, blue = np.array([0.3, 0.0, 0.5]), seen([0.7, 0.2, 0.12], BLUE)
    for time in (0.0, 0.1, 0.2):
        tracker.update([seen(start), blue], time, start + up)
    tracker.update([blue], 0.3, start + 0.07 * up, True, hidden=always)
    # The freeze: the arm has let go and is at rest. Some frames come before the release does.
    time = 3.3
    for _ in range(frames_late):
        found = tracker.update([seen(end), blue], time, rest, True, hidden=under_the_arm(rest))
        assert [entity.id for entity in found] == [1, 2]
        time += 0.1
    grips = [GripEvent(time, False, ToolPose(rest, 0.0))]
    for _ in range(3):
        found = tracker.update(
            [seen(end), blue], time, rest, hidden=under_the_arm(rest), grips=grips
        )
        red, other = found
        assert (red.id, red.status, other.id) == (1, EntityStatus.SEEN, 2)
        np.testing.assert_allclose(red.position, end, atol=1e-3)
        time, grips = time + 0.1, []


def test_what_is_let_go_of_in_the_air_falls_on_the_table_or_on_what_is_under_it():
    up, top = np.array([0.0, 0.0, 0.3]), np.array([0.0, 0.0, 0.02])
    for aside, height in ((0.3, 0.02), (0.01, 0.06)):
        tracker = EntityTracker()
        below, start = seen([0.4, 0.0, 0.02], BLUE), np.array([0.4, 0.3, 0.02])
        for time in (0.0, 0.1):
            tracker.update([below, seen(start)], time, start + up)
        grips = [
            GripEvent(0.2, True, ToolPose(start + top, 0.0)),
            GripEvent(0.3, False, ToolPose(np.array([0.4, aside, 0.3]), 0.0)),
        ]
        found = tracker.update([below], 0.4, start + up, hidden=always, grips=grips)
        red = by_color(found, RED)
        np.testing.assert_allclose(red.position, [0.4, aside, height], atol=1e-3)
        # How it bounced nobody knows.
        assert 0.03 < np.sqrt(red.covariance[0, 0]) < 0.3


def test_what_is_missing_where_the_camera_sees_dies_though_something_passes_before_it():
    tracker = EntityTracker()
    for frame in range(3):
        tracker.update([seen([0.4, 0.0, 0.02])], frame / 30)
    for frame in range(3, 60):
        left = tracker.update([], frame / 30, hidden=always if frame % 4 == 0 else never)
    assert left == []


def test_what_is_held_stays_held_while_the_tool_s_pose_is_unknown():
    tracker = EntityTracker()
    tool = np.array([0.5, 0.1, 0.041])
    for frame in range(3):
        tracker.update([seen([0.5, 0.1, 0.02])], frame / 30, tool + np.array([0.0, 0.0, 0.3]))
    tracker.update([], 3 / 30, tool, True, hidden=never)
    spread = []
    for frame in range(4, 30):
        (entity,) = tracker.update([], frame / 30, None, True, hidden=never)
        assert (entity.id, entity.status) == (1, EntityStatus.HELD)
        spread.append(entity.covariance[0, 0])
    assert (np.diff(spread) > 0).all()
    (entity,) = tracker.update([], 1.0, tool + np.array([0.1, 0.0, 0.2]), True, hidden=never)
    np.testing.assert_allclose(entity.position, [0.6, 0.1, 0.22], atol=1.5e-3)
    assert entity.covariance[0, 0] < spread[0]
    (entity,) = tracker.update([], 1.1, None, False, hidden=never)
    assert entity.status == EntityStatus.OCCLUDED


@pytest.mark.parametrize('camera_sigma', [2e-4, 2e-3])
def test_claimed_covariances_are_those_of_the_errors(camera_sigma):
    """Normalised squared errors of a (3,) position: 3 on average if the covariance is right."""
    rng = np.random.default_rng(0)
    normalised = {EntityStatus.SEEN: [], EntityStatus.OCCLUDED: [], EntityStatus.HELD: []}
    for trial in range(120):
        place = np.array([*rng.uniform(-0.2, 0.2, 2), 0.02])
        # Half of the blocks rest.
        velocity = np.array([*rng.uniform(-0.02, 0.02, 2), 0.0]) * (trial % 2)
        shared = np.sqrt(SHARED) * rng.standard_normal(3)
        tracker = EntityTracker()
        truth, grip = place, np.zeros(3)
        for frame in range(30 if velocity.any() else 70):
            if frame < 30:
                truth = place + velocity * frame / 30
            elif 38 <= frame < 51:
                drift = TrackerConfig().hidden_drift / np.sqrt(30)
                truth = truth + drift * rng.standard_normal(3)
            # Something comes in the way, ever more of it; then the tool takes the block along.
            sigma = camera_sigma * 1.3 ** max(frame - 30, 0)
            noise = shared + np.sqrt(1.0 - SHARED) * rng.standard_normal(3)
            detection = seen(truth + sigma * noise, covariance=sigma**2 * np.eye(3))
            tool = truth + np.array([0.0, 0.0, 0.3 if frame < 50 else 0.02])
            if frame == 51:
                grip = truth - tool + GRIP_SIGMA * rng.standard_normal(3)
            if frame > 51:
                tool = tool + np.array([0.0, 0.002, 0.002])
                truth = tool + grip
            (entity,) = tracker.update(
                [detection] if frame < 38 else [], frame / 30, tool, frame > 50, hidden=always
            ) or [None]
            if frame > 10:
                error = entity.position - truth
                doubt = error @ np.linalg.solve(entity.covariance, error)
                normalised[entity.status].append(doubt)
    for status, doubts in normalised.items():
        assert 1.5 < np.mean(doubts) < 4.5, status
        # The 95th percentile of chi-squared with three degrees of freedom.
        assert np.mean(np.array(doubts) < 7.81) > 0.9, status


def test_a_block_that_stands_still_is_known_better_with_time_and_one_that_starts_is_followed():
    rng = np.random.default_rng(0)
    tracker = EntityTracker()
    place, spread = np.array([0.4, 0.1, 0.02]), []
    for frame in range(60):
        (entity,) = tracker.update([seen(place + SIGMA * rng.standard_normal(3))], frame / 30) or [
            None
        ]
        spread.append(np.sqrt(entity.covariance[0, 0]) if entity else SIGMA)
    assert spread[-1] < 0.6 * SIGMA
    # What all frames share is not averaged away.
    assert spread[-1] > 0.4 * SIGMA
    for frame in range(60, 70):
        place = place + np.array([0.2 / 30, 0.0, 0.0])
        (entity,) = tracker.update([seen(place)], frame / 30)
        assert np.linalg.norm(entity.position - place) < 2e-3
    assert tracker._tracks[0].state[3] == pytest.approx(0.2, abs=0.05)  # its speed in x


def test_time_running_back_forgets_everything_and_says_so():
    tracker = EntityTracker()
    for frame in range(3):
        tracker.update([seen([0, 0, 0.02])], 100.0 + frame)
    assert tracker.num_resets == 0
    same = tracker.update([], 102.0, hidden=never)
    assert same[0].status == EntityStatus.SEEN
    assert tracker.update([seen([0.1, 0, 0.02])], 5.0) == []
    assert tracker.num_resets == 1
    assert 'back by 97' in tracker.reset_reason
    assert [entity.id for entity in tracker.update([seen([0.1, 0, 0.02])], 5.1)] == [1]


def test_nonsense_is_refused():
    tracker = EntityTracker()
    with pytest.raises(PerceptionError, match='stamp'):
        tracker.update([], float('nan'))
    with pytest.raises(PerceptionError, match='tool'):
        tracker.update([], 0.0, np.array([0.0, np.nan, 0.0]))


def test_walls_of_a_box_that_is_partly_hidden_are_no_block_and_do_not_move_it():
    tracker = EntityTracker()
    box = seen((0.5, 0.0, 0.02), BLUE, shape=OPEN_BOX, size=np.array([0.14, 0.14, 0.04]))
    wall = seen((0.5, 0.06, 0.02), BLUE, visible_fraction=0.3)
    for frame in range(20):
        shown = [box] if frame < 5 else [wall]
        entities = tracker.update(shown, frame / 30, hidden=always)
    (entity,) = entities
    assert entity.status == EntityStatus.OCCLUDED and entity.shape == OPEN_BOX
    assert np.linalg.norm(entity.position - box.position) < 0.005
