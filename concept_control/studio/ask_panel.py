"""The panel where an expression is asked for: who is meant, where it would go, how far off."""

from __future__ import annotations

import re
from collections.abc import Callable

from nicegui import events, ui

from concept_control.control.goal import MAX_ENERGY
from concept_control.studio.keys import keep_keys
from concept_control.studio.workbench import Workbench

MAX_SUGGESTIONS = 12
"""Most words that are suggested while somebody types."""


class AskPanel:
    """The panel of one page.

    Args:
        workbench: State that all pages share.
        act: Callback that makes an expression hold with the arm.
    """

    def __init__(self, workbench: Workbench, act: Callable[[str], None]) -> None:
        self._workbench = workbench
        self._weights: tuple[float, ...] = ()
        self._weight_sliders: list[ui.slider] = []
        ui.label(
            'Say what shall hold, such as near(red; blue) or between(red; blue, green): what '
            'moves stands before the semicolon, what it is about after it.'
        ).classes('text-sm opacity-80')
        self._input = ui.input(
            'Expression', value=workbench.question.text, on_change=self._typed
        ).classes('w-full font-mono')
        self._input.props('data-testid=expression clearable autocomplete=off')
        self._suggestions = ui.row().classes('gap-1')
        self._error = ui.label().classes('font-mono whitespace-pre-wrap text-red-600 text-sm')
        self._error.props('data-testid=error role=alert')
        self._table = (
            ui.table(
                columns=[
                    {'name': 'part', 'label': 'part', 'field': 'part', 'align': 'left'},
                    {'name': 'now', 'label': 'energy now', 'field': 'now'},
                    {'name': 'then', 'label': 'at the goal', 'field': 'then'},
                ],
                rows=[],
            )
            .classes('w-full')
            .props('dense flat bordered hide-pagination data-testid=parts')
        )
        self._sliders = ui.column().classes('w-full gap-0')
        with ui.row().classes('gap-2'):
            ui.button('Move them there', icon='open_with', on_click=workbench.move_there).props(
                'data-testid=particles'
            )
            ui.button(
                'Do it with the arm',
                icon='precision_manufacturing',
                on_click=lambda: act(workbench.question.text),
            )
        ui.label('Words').classes('text-sm uppercase opacity-70')
        self._words = ui.row().classes('gap-1')
        self._listed: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Show the question as it is."""
        question = self._workbench.question
        if self._input.value != question.text:
            self._input.value = question.text  # another page has asked
        self._error.text = question.error
        meaning = question.meaning
        parts = [
            (part if then <= MAX_ENERGY else f'{part}: would not hold, it weighs less', now, then)
            for part, now, then in (meaning.parts if meaning is not None else ())
        ]
        if meaning is not None and len(parts) > 1:
            goal = meaning.goal
            parts.append(('together, weighed', goal.initial_energy, goal.target_energy))
        self._table.rows = [
            {'part': part, 'now': f'{now:.4f}', 'then': f'{then:.4f}'} for part, now, then in parts
        ]
        self._table.update()
        self._show_sliders(meaning.weights if meaning is not None else ())
        if tuple(self._workbench.words) != self._listed:
            self._show_words()

    def _show_sliders(self, weights: tuple[float, ...]) -> None:
        """Show the weights; sliders stay where there are as many, and with them the focus."""
        if weights == self._weights:
            return
        is_same = len(weights) == len(self._weights)
        self._weights = weights
        if is_same:
            for slider, weight in zip(self._weight_sliders, weights):
                slider.value = weight
            return
        self._sliders.clear()
        self._weight_sliders = []
        if len(weights) < 2:
            return
        with self._sliders:
            for index, weight in enumerate(weights):
                with ui.row().classes('items-center w-full gap-3'):
                    ui.label(f'weight {index + 1}').classes('text-sm')
                    slider = ui.slider(min=0.1, max=3.0, step=0.1, value=weight)
                    slider.props(f'aria-label="weight {index + 1}"').classes('w-60')
                    slider.on('change', lambda e, i=index: self._weigh(i, float(e.args)))
                    keep_keys(slider)
                    self._weight_sliders.append(slider)

    def _weigh(self, index: int, weight: float) -> None:
        weights = [*self._weights[:index], weight, *self._weights[index + 1 :]]
        self._workbench.weigh(weights)

    def _show_words(self) -> None:
        words = self._workbench.words
        self._listed = tuple(words)
        self._words.clear()
        with self._words:
            for word in words.values():
                button = ui.button(
                    word.name, on_click=lambda _, w=word: self._insert(w.example)
                ).props('outline dense size=sm no-caps')
                button.tooltip(f'{word.usage}: {word.meaning or "; ".join(word.sentences)}')

    def _typed(self, event: events.ValueChangeEventArguments) -> None:
        text = str(event.value or '')
        if text != self._workbench.question.text:
            self._workbench.ask(text)
        self._suggest(text)

    def _suggest(self, text: str) -> None:
        """Suggest words that begin as the last one typed."""
        begun = re.search(r'([A-Za-z_]\w*)$', text)
        self._suggestions.clear()
        if begun is None:
            return
        start = begun.group(1).lower()
        known = [*self._workbench.words, 'and', 'or', 'not', 'all', 'tool']
        found = [name for name in known if name.startswith(start) and name != start]
        with self._suggestions:
            for name in found[:MAX_SUGGESTIONS]:
                whole = text[: begun.start()] + name
                ui.button(name, on_click=lambda _, t=whole: self._input.set_value(t)).props(
                    'flat dense size=sm no-caps'
                )

    def _insert(self, example: str) -> None:
        text = self._workbench.question.text.strip()
        self._input.value = f'{text} and {example}' if text else example
