"""From RGB-D images to blocks with identity, position, size, colour and shape."""

from concept_control.perception.camera import Intrinsics, decode_color, decode_depth
from concept_control.perception.localisation import Detection, Detector, detect
from concept_control.perception.segmentation import BlockLimits
from concept_control.perception.tracking import EntityTracker, TrackedEntity, TrackerConfig

__all__ = [
    'BlockLimits',
    'Detection',
    'Detector',
    'EntityTracker',
    'Intrinsics',
    'TrackedEntity',
    'TrackerConfig',
    'decode_color',
    'decode_depth',
    'detect',
]
