"""OpenGL libraries: which of them works is found out without being harmed by those that do not."""

import mujoco
import pytest

from concept_control.errors import PerceptionError
from concept_control.simulation import opengl


def test_a_broken_library_is_found_out_in_a_process_of_its_own(monkeypatch):
    opengl.probe.cache_clear()
    assert 'No module' in opengl.probe('no_such_platform')
    monkeypatch.setattr(opengl, '_PROBE', 'import os; os.abort()')
    opengl.probe.cache_clear()
    assert 'code' in opengl.probe('egl')
    opengl.probe.cache_clear()


def test_the_choice_follows_the_environment_and_says_why(monkeypatch):
    monkeypatch.setattr(opengl, 'probe', lambda library: '' if library == 'osmesa' else 'broken')
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    backend, reason = opengl.find_backend()
    assert backend == 'osmesa' and 'egl: broken' in reason
    monkeypatch.setenv('MUJOCO_GL', 'egl')
    backend, reason = opengl.find_backend()
    assert backend == 'raycast' and 'broken' in reason


def test_what_no_context_can_draw_is_refused():
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><visual><global offwidth="64" offheight="48"/></visual></mujoco>'
    )
    with pytest.raises(PerceptionError, match='off-screen buffer of 64 x 48'):
        opengl.OpenGLBackend('egl', model, 0, 65, 48)


def test_one_process_draws_with_one_platform(monkeypatch):
    monkeypatch.setenv('PYOPENGL_PLATFORM', 'osmesa')
    model = mujoco.MjModel.from_xml_string('<mujoco/>')
    with pytest.raises(PerceptionError, match='already draws with osmesa'):
        opengl.OpenGLBackend('egl', model, 0, 32, 24)
