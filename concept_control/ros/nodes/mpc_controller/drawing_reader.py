"""Reads drawings for the controller: files, policies and codes take seconds, plans milliseconds.

Threading: `ask`, `forget` and `answer` have one caller at a time; a thread of its own reads what
was asked for last. Between the two stand single references, each written by one side only. What is
no longer wanted is given up before its next stroke.
"""

from __future__ import annotations

import threading

from concept_control.control.arm.description import ArmDescription
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError
from concept_control.input_files import one_line
from concept_control.ros.bridge.drawings import drawing_goal
from concept_control.ros.nodes.mpc_controller.inbox import Command
from concept_control.ros.runtime.worker import LatestValue


class DrawingReader:
    """Turns one command after the other into a goal the controller can pursue.

    Attributes:
        wanted: Command that is being read; None for none.
    """

    def __init__(self, arm: ArmDescription, model: ConceptModel) -> None:
        self._arm, self._model = arm, model
        self._requests: LatestValue[Command] = LatestValue()
        self.wanted: Command | None = None
        self._answer: tuple[Command, DrawingGoal | ConceptControlError] | None = None
        self._thread = threading.Thread(target=self._work, name='drawings', daemon=True)
        self._thread.start()

    def ask(self, request: Command) -> None:
        """Read a request from now on, and none that was made before."""
        self.wanted = request
        self._requests.put(request)

    def forget(self) -> None:
        """Give up what is being read."""
        self.wanted = None

    def answer(self) -> DrawingGoal | None:
        """Take what is wanted, once; None while it is being read, or nothing is wanted.

        Raises:
            ConceptControlError: if it cannot be drawn.
        """
        answer = self._answer
        if answer is None or answer[0] is not self.wanted:
            return None
        self.wanted = None
        _, result = answer
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Stop reading."""
        self.forget()
        self._requests.close()
        self._thread.join(timeout=5.0)

    def _work(self) -> None:
        while (request := self._requests.take()) is not None:
            drawing = request.drawing
            assert drawing is not None, 'nothing else is asked for'

            def check(request: Command = request) -> None:
                if request is not self.wanted:
                    raise CommandError('the drawing is no longer wanted')

            result: DrawingGoal | ConceptControlError
            try:
                result = drawing_goal(drawing, self._arm, request.entities, self._model, check)
            except ConceptControlError as error:  # `answer` raises it
                result = error
            except Exception as error:  # a file must not end the node, whatever is in it
                result = CommandError(
                    f'{drawing.figure!r:.100} cannot be drawn: {one_line(error)}'
                )
            self._answer = request, result
