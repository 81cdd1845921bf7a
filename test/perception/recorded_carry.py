"""Small recordings of a camera, the tool and the truth: what a test can replay in a second."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.carry_sequence import CarrySequence
from concept_control.simulation.simulated_camera import SimulatedCamera

FORMAT = 1
JPEG_QUALITY = 90


@dataclass(frozen=True)
class RecordedFrame:
    """One moment of a recording; N blocks.

    Attributes:
        stamp: Time of the image [s].
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) uint16 [mm], 0 where nothing was measured.
        T_world_camera: (4, 4) pose of the optical frame.
        tool_position: (3,) tip of the tool, world frame [m].
        tool_yaw: Heading of the tool [rad].
        attached: Whether the tool holds something.
        positions: (N, 3) true centres of the blocks, world frame [m].
    """

    stamp: float
    color: np.ndarray
    depth: np.ndarray
    T_world_camera: np.ndarray
    tool_position: np.ndarray
    tool_yaw: float
    attached: bool
    positions: np.ndarray


def record_carry(
    path: Path,
    seed: int,
    camera: str = 'top',
    width: int = 320,
    height: int = 240,
    noise: StructuredLightNoise | None = None,
    backend: str = 'auto',
) -> None:
    """Record a scripted carry to a file.

    Args:
        path: NPZ file to write.
        seed: Seed of the carry and the noise.
        camera: Name of the camera in the scene.
        width: Width of the images [pixels].
        height: Height of the images [pixels].
        noise: Noise of the camera; None for a perfect one.
        backend: Renderer of the images.
    """
    sequence = CarrySequence(seed)
    rng = np.random.default_rng(seed)
    frames = []
    with SimulatedCamera(sequence.scene.model, camera, width, height, backend) as view:
        for truth in sequence:
            color, depth = view.render(sequence.data)
            if noise is not None:
                color, depth = noise.apply(rng, color, depth, view.intrinsics.fx)
            millimetres = np.nan_to_num(1e3 * depth, nan=0.0).clip(0, 65535).round()
            frames.append(
                RecordedFrame(
                    stamp=truth.stamp,
                    color=color,
                    depth=millimetres.astype(np.uint16),
                    T_world_camera=view.T_world_camera(sequence.data),
                    tool_position=truth.tool_position,
                    tool_yaw=truth.tool_yaw,
                    attached=truth.held >= 0,
                    positions=truth.positions,
                )
            )
        write_recording(path, view.intrinsics, frames)


def write_recording(path: Path, intrinsics: Intrinsics, frames: Sequence[RecordedFrame]) -> None:
    """Write frames to a file; colours lose a little to JPEG, depths nothing."""
    arrays: dict[str, np.ndarray] = {}
    for index, frame in enumerate(frames):
        bgr = cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        _, png = cv2.imencode('.png', frame.depth, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        arrays[f'color_{index}'], arrays[f'depth_{index}'] = jpeg.ravel(), png.ravel()
    header = {
        'format': FORMAT,
        'num_frames': len(frames),
        'intrinsics': [
            intrinsics.width,
            intrinsics.height,
            intrinsics.fx,
            intrinsics.fy,
            intrinsics.cx,
            intrinsics.cy,
            *intrinsics.distortion,
        ],
    }
    arrays['header'] = np.array(json.dumps(header))
    arrays['stamp'] = np.array([frame.stamp for frame in frames])
    arrays['T_world_camera'] = np.array([frame.T_world_camera for frame in frames])
    arrays['tool'] = np.array([[*frame.tool_position, frame.tool_yaw] for frame in frames])
    arrays['attached'] = np.array([frame.attached for frame in frames])
    arrays['positions'] = np.array([frame.positions for frame in frames])
    np.savez(path, allow_pickle=False, **arrays)


def read_recording(path: Path) -> tuple[Intrinsics, Iterator[RecordedFrame]]:
    """Read a recording.

    Raises:
        PerceptionError: If the file is missing or no recording of this format.
    """
    try:
        arrays = np.load(path, allow_pickle=False)
        header = json.loads(str(arrays['header']))
    except (OSError, ValueError, KeyError) as error:
        raise PerceptionError(f'{path} is no camera recording: {error}') from error
    if header.get('format') != FORMAT:
        raise PerceptionError(
            f'{path} has format {header.get("format")}; this version reads {FORMAT}'
        )
    width, height, fx, fy, cx, cy, *distortion = header['intrinsics']
    intrinsics = Intrinsics(width, height, fx, fy, cx, cy, tuple(distortion))
    return intrinsics, _frames(arrays, header['num_frames'])


def _frames(arrays: np.lib.npyio.NpzFile, num: int) -> Iterator[RecordedFrame]:
    facts = {
        name: arrays[name] for name in ('stamp', 'T_world_camera', 'tool', 'attached', 'positions')
    }
    for index in range(num):
        bgr = cv2.imdecode(arrays[f'color_{index}'], cv2.IMREAD_COLOR)
        depth = cv2.imdecode(arrays[f'depth_{index}'], cv2.IMREAD_UNCHANGED)
        if bgr is None or depth is None:
            raise PerceptionError(f'frame {index} of the recording cannot be decoded')
        yield RecordedFrame(
            stamp=float(facts['stamp'][index]),
            color=cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB),
            depth=np.asarray(depth),
            T_world_camera=facts['T_world_camera'][index],
            tool_position=facts['tool'][index, :3],
            tool_yaw=float(facts['tool'][index, 3]),
            attached=bool(facts['attached'][index]),
            positions=facts['positions'][index],
        )
