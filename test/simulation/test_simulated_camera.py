import mujoco
import numpy as np
import pytest

from concept_control.errors import PerceptionError
from concept_control.simulation import opengl
from concept_control.simulation.simulated_camera import SimulatedCamera

WORLD = """
<mujoco>
  <visual><global offwidth="320" offheight="240"/><headlight specular="0 0 0"/></visual>
  <worldbody>
    <light pos="0.3 0.2 2" dir="-0.1 0 -1" directional="true" diffuse="0.5 0.5 0.5"
           specular="0 0 0"/>
    <geom name="table" type="box" size="1 1 0.1" pos="0 0 -0.1" rgba="0.4 0.4 0.4 1"/>
    <geom name="hidden" type="box" size="1 1 0.1" pos="0 0 0.5" group="3"/>
    <geom name="block" type="box" size="0.05 0.1 0.05" pos="0.1 -0.1 0.05" rgba="0.8 0.1 0.1 1"/>
    <camera name="top" pos="0 0 1.5" fovy="45"/>
    <camera name="side" pos="0.8 -0.8 0.9" xyaxes="0.7 0.7 0 -0.45 0.45 0.77" fovy="50"/>
  </worldbody>
</mujoco>
"""


def works(backend):
    reason = opengl.probe(backend) if backend != 'raycast' else ''
    chosen, _ = opengl.find_backend()
    if not reason and backend not in (chosen, 'raycast'):
        reason = f'PyOpenGL serves one platform a process; run with MUJOCO_GL={backend}'
    return pytest.param(backend, marks=pytest.mark.skipif(bool(reason), reason=reason))


BACKENDS = [works('egl'), works('osmesa'), works('raycast')]


@pytest.fixture(scope='module')
def world():
    model = mujoco.MjModel.from_xml_string(WORLD)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', ['top', 'side'])
def test_depth_and_color_lie_where_the_geometry_is(world, backend, name):
    model, data = world
    with SimulatedCamera(model, name, 320, 240, backend) as camera:
        assert camera.backend == backend
        color, depth = camera.render(data)
        pose = camera.T_world_camera(data)
        assert color.shape == (240, 320, 3)
        assert depth.dtype == np.float32
        points = camera.intrinsics.rays() * depth[..., None] @ pose[:3, :3].T + pose[:3, 3]
        on_table = np.abs(points[..., 2]) < 1e-3
        corners = np.array([[x, y, 0.1] for x in (0.05, 0.15) for y in (-0.2, 0.0)])
        top = np.abs(points[..., 2] - 0.1) < 1e-3
        assert on_table.mean() > 0.5
        assert top.sum() > 100
        # The upper face's extent is right to a pixel.
        footprint = np.nanmedian(depth[top]) / camera.intrinsics.fx
        np.testing.assert_allclose(points[top].min(axis=0), corners.min(axis=0), atol=footprint)
        np.testing.assert_allclose(points[top].max(axis=0), corners.max(axis=0), atol=footprint)
        red = color[top].mean(axis=0)
        assert red[0] > 3 * red[1]
        grey = color[on_table].astype(float)
        assert np.ptp(grey.mean(axis=0)) < 3
        pixels = camera.intrinsics.project((points[top] - pose[:3, 3]) @ pose[:3, :3])
        rows, columns = np.nonzero(top)
        np.testing.assert_allclose(pixels, np.column_stack([columns, rows]), atol=0.05)


@pytest.mark.parametrize('backend', BACKENDS)
def test_nothing_there_is_a_hole_and_cameras_do_not_disturb_each_other(world, backend):
    model, data = world
    empty = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><geom size="0.1"/><camera name="c" pos="0 0 1"/></worldbody></mujoco>'
    )
    other = mujoco.MjData(empty)
    mujoco.mj_forward(empty, other)
    first = SimulatedCamera(model, 'top', 160, 120, backend)
    before = first.render(data)
    second = SimulatedCamera(empty, 'c', 80, 60, backend)
    _, depth = second.render(other)
    assert np.isnan(depth[0, 0])
    assert depth[30, 40] == pytest.approx(0.9, abs=1e-3)
    del second
    for a, b in zip(before, first.render(data)):
        np.testing.assert_array_equal(a, b)
    first.close()
    with pytest.raises(PerceptionError, match='closed'):
        first.render(data)


def test_backends_agree(world):
    model, data = world
    chosen, reason = opengl.find_backend()
    if chosen == 'raycast':
        pytest.skip(reason)
    for name in ('top', 'side'):
        with SimulatedCamera(model, name, 320, 240, chosen) as gl:
            drawn = gl.render(data)
        with SimulatedCamera(model, name, 320, 240, 'raycast') as rays:
            cast = rays.render(data)
        same = np.isclose(drawn[1], cast[1], atol=2e-3, equal_nan=True)
        assert same.mean() > 0.99
        same &= ~np.isnan(cast[1])
        assert np.abs(drawn[0][same].astype(float) - cast[0][same]).mean() < 12


def test_the_choice_says_why(world, monkeypatch):
    model, _ = world
    monkeypatch.setenv('MUJOCO_GL', 'disable')
    with SimulatedCamera(model, 'top', 32, 24) as camera:
        assert camera.backend == 'raycast'
        assert 'MUJOCO_GL' in camera.backend_reason
    monkeypatch.delenv('MUJOCO_GL')
    monkeypatch.setattr(opengl, 'probe', lambda library: 'no such library')
    with SimulatedCamera(model, 'top', 32, 24) as camera:
        assert camera.backend == 'raycast'
        assert 'egl: no such library' in camera.backend_reason
        assert 'osmesa: no such library' in camera.backend_reason
    with pytest.raises(PerceptionError, match='top'):
        SimulatedCamera(model, 'nowhere')
    with pytest.raises(PerceptionError, match='raycast'):
        SimulatedCamera(model, 'top', backend='vulkan')
