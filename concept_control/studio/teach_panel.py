"""The panel where concepts are shown: the example, what was understood, tries, the name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui import ui

from concept_control.studio.lesson import Example
from concept_control.studio.pictures import draw_example
from concept_control.studio.workbench import Workbench

STEPS = (
    'Drag a thing to where it belongs. What it belongs to is ringed: click things to change that. '
    'To show which things are meant, drag nothing and click them.'
)
"""What to do, for who has read nothing."""


class TeachPanel:
    """The panel of one page.

    Args:
        workbench: State that all pages share.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._shown: dict[int, object] = {}
        ui.label(STEPS).classes('text-sm opacity-80')
        self._example = ui.label().classes('font-medium').props('data-testid=example')
        with ui.row().classes('gap-2'):
            ui.button('Keep as example', icon='add_task', on_click=workbench.keep_example).props(
                'data-testid=keep'
            ).tooltip('Enter')
            ui.button('Put back', on_click=workbench.begin_again).props('outline')
            ui.button('New concept', on_click=workbench.new_lesson).props('outline')
        with ui.card().classes('w-full gap-1').props('flat bordered'):
            ui.label('Understood').classes('text-sm uppercase opacity-70')
            self._understood = ui.column().classes('gap-1').props('data-testid=understood')
        self._tries = ui.row().classes('gap-3 items-start').props('data-testid=tries')
        self._examples = ui.row().classes('gap-3 items-start').props('data-testid=examples')
        with ui.row().classes('items-center gap-2'):
            self._name = ui.input('Name of the concept', placeholder='e.g. right_of_it')
            self._name.props('dense data-testid=name').on('keydown.enter', self._keep_name)
            self._replaces = ui.checkbox('replace')
            ui.button('Keep as word', icon='save', on_click=self._keep_name).props(
                'data-testid=save'
            )
            ui.button('Undo word', on_click=workbench.undo_word).props('flat')

    def refresh(self) -> None:
        """Show the lesson as it is."""
        desk, lesson = self._workbench.desk, self._workbench.lesson
        example = desk.example
        if example.moved or example.meant:
            guessed = '' if desk.is_chosen or not example.moved else ' (guessed)'
            self._example.text = f'{example.sentence}{guessed if example.meant else ""}'
        else:
            self._example.text = 'nothing is shown yet'
        understanding, kept = lesson.understanding, desk.examples
        tries = understanding.tries if understanding else ()
        said = (understanding.sentences, understanding.proposal) if understanding else ()
        understood = said, lesson.agreement, len(kept)
        self._show(self._understood, understood, self._show_understood)
        self._show(self._tries, tries, lambda: self._show_tries(tries))
        self._show(self._examples, kept, lambda: self._show_examples(kept))

    def _show(self, place: ui.element, what: object, show: Callable[[], None]) -> None:
        """Show something in a place, unless it is there."""
        if self._shown.get(place.id) != what:
            self._shown[place.id] = what
            place.clear()
            with place:
                show()

    def _show_tries(self, tries: Sequence[Example]) -> None:
        workbench = self._workbench
        for index, tried in enumerate(tries):
            with ui.column().classes('gap-0 items-center'):
                ui.html(draw_example(tried), sanitize=False)
                with ui.row().classes('gap-1'):
                    ui.button('right', on_click=lambda _, i=index: workbench.accept_try(i)).props(
                        'dense size=sm color=positive'
                    )
                    ui.button(
                        'correct', on_click=lambda _, i=index: workbench.correct_try(i)
                    ).props('dense size=sm outline')

    def _show_examples(self, examples: Sequence[Example]) -> None:
        for index, kept in enumerate(examples):
            with ui.column().classes('gap-0 items-center'):
                ui.html(draw_example(kept, 84), sanitize=False)
                ui.button(
                    f'forget {index + 1}',
                    on_click=lambda _, i=index: self._workbench.forget_example(i),
                ).props('flat dense size=sm')

    def _show_understood(self) -> None:
        lesson, examples = self._workbench.lesson, self._workbench.desk.examples
        understanding = lesson.understanding
        if not examples:
            ui.label('nothing yet: keep an example')
            return
        if understanding is None:
            ui.label('thinking …')
            return
        for sentence in understanding.sentences:
            ui.label(sentence).classes('leading-tight').props('data-testid=sentence')
        number = len(examples)
        sure = f'from {number} example{"s" if number > 1 else ""}, '
        sure += f'{100 * understanding.code.confidence:.0f} % sure'
        ui.label(sure).classes('text-sm opacity-80')
        if lesson.agreement:
            ui.label(lesson.agreement).classes('text-sm opacity-80').props('data-testid=agreement')
        if understanding.proposal is not None:
            ui.button(
                'Show the example that would decide', on_click=self._workbench.show_proposal
            ).props('flat dense icon=help_outline')

    def _keep_name(self) -> None:
        self._workbench.name_lesson(str(self._name.value or '').strip(), self._replaces.value)
