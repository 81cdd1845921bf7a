"""The panel where the arm is watched: phase, energy over time, plan times; pause and cancel."""

from __future__ import annotations

import time

import numpy as np
from nicegui import ui

from concept_control.studio.pictures import draw_curves
from concept_control.studio.studio import Studio

COUNT_PERIOD = 0.3
"""Time between two changes of the numbers and the curve [s]; each has the page drawn anew."""


class ActPanel:
    """The panel of one page.

    Args:
        studio: What all pages share.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        ui.label(
            'The arm makes the energy of what is asked zero. Drag a thing while it works: it '
            'follows.'
        ).classes('text-sm opacity-80')
        self._asked = ui.label().classes('font-mono').props('data-testid=asked')
        with ui.row().classes('gap-2'):
            ui.button(
                'Do it',
                icon='play_arrow',
                on_click=lambda: studio.act(studio.workbench.question.text),
            ).props('data-testid=do')
            ui.button('Pause', on_click=lambda: studio.control('pause')).props('outline')
            ui.button('Go on', on_click=lambda: studio.control('resume')).props('outline')
            ui.button('Cancel', icon='stop', on_click=lambda: studio.control('cancel')).props(
                'outline color=negative data-testid=cancel'
            )
        if studio.config.ros:
            ui.button('Take the table as the robot sees it', on_click=studio.take_table)
        self._status = ui.label().classes('text-lg').props('data-testid=status')
        self._text = ui.label().props('data-testid=reason')
        self._numbers = ui.label().classes('text-sm opacity-80').props('data-testid=numbers')
        ui.label('Energy').classes('text-sm uppercase opacity-70')
        self._curve = ui.html('', sanitize=False)
        self._counted_at = 0.0

    def refresh(self) -> None:
        """Show what the arm does now."""
        state = self._studio.robot.state
        asked = self._studio.workbench.question.text
        if state is None:
            self._asked.text = asked or 'nothing is asked: write it under Ask'
            self._status.text = 'starting …' if self._studio.is_acting else 'the arm waits'
            return
        self._asked.text = state.expression or asked
        self._status.text = f'{state.status}: {state.phase}'
        self._text.text = state.text
        now = time.monotonic()
        if now - self._counted_at < COUNT_PERIOD:
            return
        self._counted_at = now
        plan = '–' if np.isnan(state.plan_ms) else f'{state.plan_ms:.1f} ms'
        energy = '–' if np.isnan(state.energy) else f'{state.energy:.2g}'
        self._numbers.text = (
            f'{state.time:.1f} s simulated; energy {energy}; a plan takes {plan}; late '
            f'{state.late} of {state.periods} control periods'
        )
        self._curve.content = draw_curves([self._studio.robot.curve()])
