"""One page of the studio: the table at the left, what is done with it at the right."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import events, ui

from concept_control.studio.act_panel import ActPanel
from concept_control.studio.ask_panel import AskPanel
from concept_control.studio.keys import ARROWS, HELP, STEP, keep_keys
from concept_control.studio.look_back_panel import LookBackPanel
from concept_control.studio.scene_view import SceneView
from concept_control.studio.studio import Studio
from concept_control.studio.table import BOX_SIZES, SIZES
from concept_control.studio.teach_panel import TeachPanel
from concept_control.world.colors import NAMED_COLORS

PERIOD = 0.03
"""Time between two looks at what has changed [s]: below that of the arm's states."""

TABS = ('Teach', 'Ask', 'Act', 'Look back')
"""Names of the panels."""


class Page:
    """What one browser window shows.

    Args:
        studio: What all pages share.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio, self._workbench = studio, studio.workbench
        self._tab = 'Teach'
        self._selected: int | None = None
        self._version = -1
        self._notice = max((number for number, _ in self._workbench.notices), default=0)
        self._arm_time = -1.0
        self._build()
        ui.keyboard(on_key=self._pressed)
        ui.timer(PERIOD, self._refresh)

    def _build(self) -> None:
        self._dark = ui.dark_mode(None)
        with ui.header().classes('items-center py-2 gap-4'):
            ui.label('Concept studio').classes('text-lg font-medium')
            ui.space()
            self._others = ui.label().classes('text-sm')
            self._busy = ui.spinner(size='1.2em', color='white')
            ui.button('Undo', icon='undo', on_click=self._workbench.undo).props(
                'flat color=white data-testid=undo'
            )
            ui.button(icon='contrast', on_click=self._dark.toggle).props(
                'flat color=white aria-label="light or dark"'
            )
        with ui.row().classes('w-full no-wrap items-start gap-6'):
            with ui.column().classes('gap-2'):
                self._scene = SceneView(self._dragged, self._clicked)
                self._build_tools()
            with ui.column().classes('flex-1 min-w-0 gap-2'):
                with ui.tabs(on_change=self._tab_chosen).props('align=left dense') as tabs:
                    for name in TABS:
                        ui.tab(name)
                self._tabs = tabs
                with ui.tab_panels(tabs, value='Teach', animated=False).classes('w-full'):
                    with ui.tab_panel('Teach'):
                        self._teach = TeachPanel(self._workbench)
                    with ui.tab_panel('Ask'):
                        self._ask = AskPanel(self._workbench, self._act)
                    with ui.tab_panel('Act'):
                        self._act_panel = ActPanel(self._studio)
                    with ui.tab_panel('Look back'):
                        self._look_back = LookBackPanel(self._studio)

    def _build_tools(self) -> None:
        with ui.row().classes('items-center gap-2'):
            for view, name in (('above', 'From above'), ('side', 'From the side')):
                ui.button(name, on_click=lambda _, v=view: self._look_from(v)).props(
                    'outline dense no-caps'
                )
            ui.button('Shuffle', on_click=self._workbench.shuffle).props('outline dense no-caps')
            with ui.dropdown_button('Add', auto_close=True).props('dense no-caps outline'):
                for color in NAMED_COLORS:
                    ui.item(color, on_click=lambda _, c=color: self._workbench.add(c))
            with ui.dropdown_button('Add open box', auto_close=True) as boxes:
                for color in NAMED_COLORS:
                    ui.item(color, on_click=lambda _, c=color: self._workbench.add(c, True))
            boxes.props('dense no-caps outline')
        self._things = ui.row().classes('items-center gap-1').props('data-testid=things')
        with ui.row().classes('items-center gap-2') as tools:
            self._tools = tools
            ui.label().bind_text_from(self, '_selected_name')
            self._color = ui.select(list(NAMED_COLORS), on_change=self._recolored)
            self._color.props('dense aria-label=colour')
            ui.label('size').classes('text-sm')
            self._size = ui.slider(min=SIZES[0], max=SIZES[1], step=0.01).classes('w-28')
            self._size.on('change', self._resized).props('aria-label=size')
            keep_keys(self._size)
            ui.button('Take away', on_click=self._removed).props('dense outline no-caps')
        ui.label(HELP).classes('text-xs opacity-70')

    @property
    def _selected_name(self) -> str:
        table = self._workbench.desk.table
        return table.name(self._selected) if self._selected in table.ids else ''

    # What the person does.

    def _dragged(self, thing_id: int, x: float, y: float) -> None:
        if self._tab == 'Act' and self._studio.is_acting:
            self._studio.push(thing_id, x, y)
            return
        self._selected = thing_id
        self._workbench.drag(thing_id, x, y)
        self._scene.put_back(self._workbench.desk.table)

    def _clicked(self, thing_id: int) -> None:
        if self._tab == 'Teach':
            self._workbench.toggle_meant(thing_id)
        else:
            self._select(thing_id)

    def _select(self, thing_id: int | None) -> None:
        self._selected = thing_id
        self._workbench.point_at(thing_id)

    def _act(self, expression: str) -> None:
        self._tabs.value = 'Act'
        self._scene.look_from('arm')
        self._studio.act(expression)

    def _look_from(self, view: str) -> None:
        self._scene.look_from('arm' if view == 'side' and self._tab == 'Act' else view)

    def _tab_chosen(self, event: events.ValueChangeEventArguments) -> None:
        self._tab, self._version = str(event.value), -1

    def _recolored(self, event: events.ValueChangeEventArguments) -> None:
        thing_id, color = self._selected, str(event.value)
        table = self._workbench.desk.table
        if thing_id in table.ids and table.thing(int(thing_id)).color != color:
            self._workbench.edit(lambda t: t.recolored(int(thing_id), color))

    def _resized(self, event: events.GenericEventArguments) -> None:
        if self._selected is not None:
            thing_id, size = self._selected, float(event.args)
            self._workbench.edit(lambda t: t.resized(thing_id, size))

    def _removed(self) -> None:
        if self._selected is not None:
            thing_id, self._selected = self._selected, None
            self._workbench.edit(lambda t: t.without(thing_id))

    def _pressed(self, event: events.KeyEventArguments) -> None:
        if not event.action.keydown:
            return
        key, workbench = event.key.name, self._workbench
        table = workbench.desk.table
        if event.modifiers.ctrl and key == 'z':
            workbench.undo()
        elif key in ARROWS and self._selected in table.ids:
            (x, y), (dx, dy) = table.thing(int(self._selected)).position, ARROWS[key]
            self._dragged(int(self._selected), x + STEP * dx, y + STEP * dy)
        elif key in ('n', 'N') and table.ids:
            ids = table.ids
            at = ids.index(self._selected) + 1 if self._selected in ids else 0
            self._select(ids[at % len(ids)])
        elif key in ('m', 'M') and self._selected in table.ids:
            workbench.toggle_meant(int(self._selected))
        elif key == 'Enter' and self._tab == 'Teach':
            workbench.keep_example()
        elif key in ('Delete', 'Backspace'):
            self._removed()

    # What the page shows.

    def _refresh(self) -> None:
        self._busy.visible = self._workbench.is_busy
        for number, text in self._workbench.notices:
            if number > self._notice:
                self._notice = number
                ui.notify(text, position='bottom-left', timeout=6000, multi_line=True)
        if self._workbench.version != self._version:
            self._version = self._workbench.version
            self._show_table()
        if self._tab == 'Act':
            self._show_arm()
        else:
            self._scene.show_arm(None)
            self._scene.show_path(())
        if self._tab == 'Look back':
            self._show_recording()

    def _show_recording(self) -> None:
        self._look_back.refresh()
        recording = self._look_back.recording
        if recording is None:
            return
        time = self._look_back.time
        places, told = recording.places_at(time), recording.told_at(time)
        table = recording.table.moved(places)
        self._scene.show_things(table, places)
        attended = zip(told.entities, told.attention) if told is not None else ()
        self._scene.show_marks(table, [int(i) for i, share in attended if share > 0.5], None)
        self._scene.show_moves(table, {})
        self._scene.show_heat('')

    def _show_table(self) -> None:
        desk = self._workbench.desk
        selected = self._selected if self._selected in desk.table.ids else None
        self._selected = selected
        pages = self._studio.num_pages
        self._others.text = f'{pages} pages show this table' if pages > 1 else ''
        self._scene.show_things(desk.table)
        if self._tab == 'Teach':
            example = desk.example
            came_from = {i: desk.before.thing(i).place for i in example.moved}
            self._scene.show_marks(desk.table, example.meant, selected)
            self._scene.show_moves(desk.table, came_from, desk.before)
            is_stacked = any(kept.is_stacked for kept in desk.examples)
            self._show_heat(self._workbench.lesson.heat, example.moved, is_stacked)
            self._teach.refresh()
        else:
            question = self._workbench.question
            meaning = question.meaning
            meant, places = (meaning.meant, meaning.places) if meaning is not None else ((), {})
            self._scene.show_marks(desk.table, meant, selected)
            self._scene.show_moves(desk.table, places)
            is_stacked = any(place[2] > 0 for place in places.values())
            heat = question.heat if self._tab == 'Ask' else ''
            self._show_heat(heat, tuple(places), is_stacked)
            if self._tab == 'Ask':
                self._ask.refresh()
        self._show_tools()

    def _show_heat(self, picture: str, moved: Sequence[int], is_stacked: bool) -> None:
        """Draw an energy on the table, in open boxes and, if things go on things, on top."""
        shown = [t for t in self._workbench.desk.table.things if is_stacked or t.is_open]
        self._scene.show_heat(picture, [thing for thing in shown if thing.id not in moved])

    def _show_arm(self) -> None:
        state, look = self._studio.shown_arm(), self._studio.robot.look
        self._act_panel.refresh()
        self._scene.show_arm(look if state is not None else None)
        if state is None:
            self._scene.show_path(())
        if state is None or state.time == self._arm_time:
            return
        self._arm_time = state.time
        if look is not None:
            self._scene.move_arm(look, state)
            self._scene.show_path(state.path)
        if self._studio.is_acting or self._studio.config.ros:
            table = self._workbench.desk.table
            self._scene.show_things(table, state.places)
            self._scene.show_moves(table, state.targets)

    def _show_tools(self) -> None:
        table = self._workbench.desk.table
        self._things.clear()
        with self._things:
            for thing in table.things:
                chosen = thing.id == self._selected
                x, y = thing.position
                height = f', height {thing.bottom:.3f}' if thing.bottom else ''
                kind = ' open box' if thing.is_open else ''
                name = f'#{thing.id} {thing.color}{kind}'
                button = ui.button(name, on_click=lambda _, i=thing.id: self._select(i))
                button.props(f'dense size=sm no-caps {"unelevated" if chosen else "outline"}')
                place = f'at {x:.3f}, {y:.3f}{height}'
                button.props(f'aria-label="{name} {place}"')
        self._tools.visible = self._selected is not None
        if self._selected is not None:
            thing = table.thing(self._selected)
            least, most = BOX_SIZES if thing.is_open else SIZES
            self._size.props(f'min={least} max={most}')
            self._color.value, self._size.value = thing.color, thing.size
