"""From RGB-D images to blocks with identity, position, size, colour and shape."""

from concept_control.perception.annotate import annotate
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.detector import Detection, Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.image_decoding import decode_color, decode_depth
from concept_control.perception.tracking.fusion import fuse
from concept_control.perception.tracking.tracker import EntityTracker, TrackedEntity, TrackerConfig

__all__ = [
    'BlockLimits',
    'Detection',
    'Detector',
    'EntityTracker',
    'Intrinsics',
    'TrackedEntity',
    'TrackerConfig',
    'annotate',
    'decode_color',
    'decode_depth',
    'fuse',
]
