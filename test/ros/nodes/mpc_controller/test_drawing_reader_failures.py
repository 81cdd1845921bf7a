"""Whatever a drawing's file does to its reader, the controller hears one line and goes on."""

import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import ConceptGoal, DrawCommand

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import ConceptControlError
from concept_control.ros.nodes.mpc_controller import drawing_reader
from concept_control.ros.nodes.mpc_controller.drawing_reader import DrawingReader
from concept_control.ros.nodes.mpc_controller.inbox import Command


def answer_to(reader, figure):
    reader.ask(Command(ConceptGoal(), DrawCommand(figure=figure)))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (answer := reader.answer()) is not None:
            return answer
        time.sleep(0.01)
    pytest.fail('no answer')


def test_no_file_ends_the_reader(tmp_path, monkeypatch):
    reader = DrawingReader(ArmDescription.load('franka'), None)
    try:
        for name, text in (('a.csv', '1,2,3,4'), ('a.svg', '<svg'), ('a.json', '[' * 10**6)):
            (tmp_path / name).write_text(text)
            with pytest.raises(ConceptControlError, match=name):
                answer_to(reader, str(tmp_path / name))
        with monkeypatch.context() as patched:

            def fail(*_):
                raise MemoryError('two\nlines')

            patched.setattr(drawing_reader, 'drawing_goal', fail)
            with pytest.raises(ConceptControlError, match="'circle' cannot be drawn: two lines"):
                answer_to(reader, 'circle')
        assert answer_to(reader, 'circle').strokes
    finally:
        reader.close()
