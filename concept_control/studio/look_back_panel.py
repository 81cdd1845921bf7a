"""The panel where a recorded bag is looked at again, moment by moment, beside another one."""

from __future__ import annotations

from nicegui import ui

from concept_control.energy.model import ENERGIES
from concept_control.studio.keys import keep_keys
from concept_control.studio.pictures import draw_curves
from concept_control.studio.recording import Recording
from concept_control.studio.studio import Studio


class LookBackPanel:
    """The panel of one page.

    Args:
        studio: What all pages share.

    Attributes:
        time: Time of the recording that is shown [s].
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.time = 0.0
        self._shown: tuple[Recording, ...] = ()
        ui.label(
            'Open a bag that `concept_control demo --record` or `ros2 bag record` wrote; a second '
            'one, or the same by another model, is compared with it.'
        ).classes('text-sm opacity-80')
        with ui.row().classes('items-end gap-2 w-full no-wrap'):
            self._path = ui.input('Folder or file of a bag').classes('flex-1')
            self._path.props('data-testid=bag').on('keydown.enter', self._open)
            self._energy = ui.select(list(ENERGIES), value=ENERGIES[0], label='Energy')
            self._energy.classes('w-32').props('data-testid=energy')
            self._model = ui.input('Folder of a model', placeholder='the shipped one')
            self._model.on('keydown.enter', self._open)
            ui.button('Open', on_click=self._open).props('data-testid=open')
            ui.button('Close', on_click=studio.close_recordings).props('outline')
        self._slider = ui.slider(min=0.0, max=1.0, step=0.05, value=0.0)
        self._slider.props('data-testid=time label aria-label="time in seconds"')
        keep_keys(self._slider)
        self._slider.on_value_change(lambda e: self._scrub(float(e.value)))
        self._moment = ui.label().props('data-testid=moment')
        self._curve = ui.html('', sanitize=False)
        self._verdicts = ui.column().classes('gap-1').props('data-testid=verdicts')

    @property
    def recording(self) -> Recording | None:
        """The recording that the scene shows; None where none is open."""
        return self._studio.recordings[0] if self._studio.recordings else None

    def refresh(self) -> None:
        """Show the recordings that are open."""
        recordings = self._studio.recordings
        if recordings != self._shown:
            self._shown = recordings
            self._show_recordings()
        self._scrub(self.time)

    def _show_recordings(self) -> None:
        self._verdicts.clear()
        self._curve.content = draw_curves([r.curve for r in self._shown])
        longest = max((r.duration for r in self._shown), default=1.0)
        self._slider.props(f'max={longest:.2f}')
        with self._verdicts:
            for recording in self._shown:
                ui.label(recording.name).classes('text-sm uppercase opacity-70')
                for verdict in recording.verdicts or ('no command was recorded',):
                    ui.label(verdict)

    def _scrub(self, time: float) -> None:
        self.time = time
        recording = self.recording
        if recording is None:
            self._moment.text = 'no bag is open'
            return
        told = recording.told_at(time)
        said = '' if told is None else f'{told.expression} {told.phase}: {told.text}'
        self._moment.text = f'{time:.1f} s  {said}'

    def _open(self) -> None:
        path, model = (str(field.value or '').strip() for field in (self._path, self._model))
        self._studio.open_recording(path, str(self._energy.value), model)
