from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recorded_carry import read_recording, write_recording

from concept_control.errors import PerceptionError
from concept_control.perception.detection.detector import Detector
from concept_control.perception.image_decoding import decode_color, decode_depth
from concept_control.perception.tracking.tracker import EntityTracker
from concept_control.world.entity import EntityStatus

CARRY = Path(__file__).parent / 'data' / 'carry.npz'
"""Four blocks, one carried; `record_carry(…, seed=7)` with the structured-light noise model."""


def message(encoding, pixels):
    height, width, step = *pixels.shape[:2], pixels.strides[0]
    fields = {'height': height, 'width': width, 'step': step, 'data': pixels.tobytes()}
    return SimpleNamespace(encoding=encoding, is_bigendian=False, **fields)


def test_the_recorded_carry_is_followed():
    assert CARRY.stat().st_size < 1_000_000
    intrinsics, frames = read_recording(CARRY)
    detector, tracker = Detector(intrinsics), EntityTracker()
    owner, errors, statuses = {}, {EntityStatus.SEEN: [], EntityStatus.HELD: []}, []
    for index, frame in enumerate(frames):
        # As they would come over a topic.
        color = decode_color(message('rgb8', frame.color))
        depth = decode_depth(message('16UC1', frame.depth))
        entities = tracker.update(
            detector.detect(color, depth, frame.T_world_camera),
            frame.stamp,
            frame.tool_position,
            frame.attached,
            frame.tool_yaw,
            hidden=detector.could_hide,
        )
        if index < 2:
            continue
        assert len(entities) == len(frame.positions)
        for entity in entities:
            distances = np.linalg.norm(frame.positions - entity.position, axis=1)
            block = int(np.argmin(distances))
            assert owner.setdefault(entity.id, block) == block
            statuses.append(entity.status)
            if entity.status in errors:
                errors[entity.status].append(distances[block])
        assert any(entity.status == EntityStatus.HELD for entity in entities) == frame.attached
    assert sorted(owner.values()) == list(range(len(owner)))
    assert statuses.count(EntityStatus.HELD) >= 5
    assert np.median(errors[EntityStatus.SEEN]) < 2e-3
    assert np.median(errors[EntityStatus.HELD]) < 8e-3


def test_recordings_come_back_as_written(tmp_path):
    intrinsics, frames = read_recording(CARRY)
    frames = list(frames)[:3]
    write_recording(tmp_path / 'copy.npz', intrinsics, frames)
    again, copies = read_recording(tmp_path / 'copy.npz')
    assert again == intrinsics
    for frame, copy in zip(frames, copies, strict=True):
        np.testing.assert_array_equal(frame.depth, copy.depth)
        np.testing.assert_array_equal(frame.positions, copy.positions)
        assert np.abs(frame.color.astype(int) - copy.color).mean() < 3
        assert (frame.stamp, frame.attached) == (copy.stamp, copy.attached)


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(PerceptionError, match='missing'):
        read_recording(tmp_path / 'missing.npz')
    np.savez(tmp_path / 'other.npz', a=np.zeros(3))
    with pytest.raises(PerceptionError, match='no camera recording'):
        read_recording(tmp_path / 'other.npz')
