"""Layouts that leave room for a drawing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from concept_control.demos.drawing_config import BLOCKS, CLEARANCE, DrawConfig, clear_layout
from concept_control.errors import CommandError
from concept_control.policy.drawing import load_strokes
from concept_control.simulation.scene import build_scene

CONFIG = DrawConfig('circle', 0.2, 0.005, 0.08, 'franka', 0, False, 0.002, Path(), around='red')


@pytest.fixture(scope='module')
def circle():
    return list(load_strokes('circle'))


def test_a_circle_around_a_block_stays_inside_and_clear_of_all_blocks(circle):
    """With the first seed it left the workspace, and nothing was drawn."""
    layout = clear_layout(CONFIG, circle, BLOCKS, 0.1)
    scene = build_scene(layout)
    blocks = scene.initial_positions[:, :2]
    (stroke,) = CONFIG.strokes(circle, scene.arm.workspace, blocks[0])
    assert scene.arm.workspace.contains(stroke.path).all()
    assert np.linalg.norm(stroke.path[:, None] - blocks, axis=-1).min() > CLEARANCE


def test_a_drawing_that_is_too_big_is_refused_with_its_size(circle):
    with pytest.raises(CommandError, match='480 mm has no room around the red block'):
        clear_layout(replace(CONFIG, size=0.48), circle, ('red',), 0.08)
