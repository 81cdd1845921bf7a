"""The table and the arm as a three-dimensional scene of a page, in workspace units."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from nicegui import events, ui
from nicegui.elements.scene.scene_object3d import Object3D

from concept_control.simulation.arm_shapes import ArmShape
from concept_control.simulation.scene import box_parts
from concept_control.studio.arm_messages import ArmLook, ArmState
from concept_control.studio.table import (
    BOX_RIM,
    BOX_TALL,
    INSIDE,
    SIZES,
    Place,
    Table,
    Thing,
    rest_heights,
)
from concept_control.world.colors import NAMED_COLORS

SIZE = (620, 500)
"""Width and height of the scene [pixels]."""

FIELD_OF_VIEW = 20.0
"""Vertical opening of the camera [degrees]: narrow, so that it shows hardly any perspective."""

DISTANCE = 6.8
"""Distance of the camera from the table [workspace units], at which the table fills the view."""

VIEWS = {
    'above': ((0.0, 0.0, DISTANCE), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    'side': ((0.0, -5.8, 3.8), (0.0, 0.0, 0.1), (0.0, 0.0, 1.0)),
    'arm': ((10.6, -0.2, 6.0), (0.0, -0.95, 0.85), (0.0, 0.0, 1.0)),
}
"""Place of the camera, what it looks at, and its upward direction, by name."""

RATE = 60
"""Times a second that the browser looks whether to draw, at most; it waits for a frame, too."""

AFTER_DRAG = 0.25
"""Time for which a click is the end of a drag [s]: the browser may call it one."""

STILL = 0.01
"""Distance below which a thing was clicked and not dragged [workspace units]."""

SEEN = 1e-3
"""Motion that is drawn, of a part [workspace units] or of an entry of its rotation: a third of a
pixel. What is at rest in simulation trembles by less, and each drawing costs time."""

PATH_PERIOD = 0.2
"""Time between two drawings of the plan [s]."""

_BEZIER = np.array([[6, 0, 0, 0], [-5, 18, -9, 2], [2, -9, 18, -5], [0, 0, 0, 6]]) / 6
"""From 4 places, evenly along a cubic curve, to its control points."""

_HEAT_HEIGHT, _MARK_HEIGHT = 0.004, 0.008
_HEAT_TICKS = 73
_SHADE = 0.75
"""Brightness of the floor of an open box, in that of its walls."""

_TO_Z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Rotation from the y axis, along which the browser's cylinders stand, to the z axis."""

_DRAW_ON_CHANGE = """() => {
    const view = getElement(%d), renderer = view.renderer;
    if (!renderer) return;
    const gl = renderer.getContext(), info = gl.getExtension('WEBGL_debug_renderer_info');
    const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : '';
    const isSlow = /swiftshader|llvmpipe|software|basic render/i.test(name);
    const draw = renderer.render.bind(renderer), setSize = renderer.setSize.bind(renderer);
    let drawn = [], changedAt = -1e4, touchedAt = -1e4;
    for (const event of ['pointerdown', 'pointermove', 'pointerup'])
        view.$el.addEventListener(event, () => {
            touchedAt = performance.now();
            if (renderer.getPixelRatio() < 1) renderer.setPixelRatio(1);
        }, true);
    renderer.setSize = (...size) => { drawn = []; setSize(...size); };
    renderer.render = (scene, camera) => {
        scene.updateMatrixWorld();
        camera.updateMatrixWorld();
        const shown = [...camera.projectionMatrix.elements, ...camera.matrixWorld.elements];
        scene.traverseVisible(({id, matrixWorld, geometry, material}) => {
            shown.push(id, geometry?.id, ...matrixWorld.elements);
            if (!material) return;
            const isClear = material.opacity < 1 || !!material.map;
            if (material.transparent !== isClear) {
                material.transparent = isClear;
                material.needsUpdate = true;
            }
            shown.push(
                material.id, material.color?.getHex(), material.opacity, material.map?.version);
        });
        const now = performance.now(), since = now - changedAt;
        const isSame = shown.length === drawn.length && shown.every((x, i) => x === drawn[i]);
        const isCoarse = renderer.getPixelRatio() < 1;
        if (isSame && !(isCoarse && since > 300)) return;
        if (!isSame && drawn.length) changedAt = now;
        const ratio = isSlow && !isSame && since < 200 && now - touchedAt > 1000 ? 0.5 : 1;
        if (renderer.getPixelRatio() !== ratio) renderer.setPixelRatio(ratio);
        drawn = shown;
        draw(scene, camera);
    };
}"""
"""Script that draws the scene only where it differs from what was drawn last.

NiceGUI draws it for ever, which took a whole core where there is no graphics card. There what
moves is drawn at half the resolution, and sharp again at rest; and sharp under the mouse, for
clicks are found by the pixels of the drawing. NiceGUI also takes all for transparent; then what
lies on a thing may hide it."""

_LIFT_OVER_THINGS = """() => {
    const view = getElement(%d), tall = %s, rim = %s;
    // A block is one solid; an open box is a group, of which the first is the floor.
    const half = thing => (thing.geometry ?? thing.children[0].geometry).parameters.width / 2;
    const high = thing => thing.isGroup ? tall / 2 : half(thing);
    const apart = (a, b) => Math.max(
        Math.abs(a.position.x - b.position.x), Math.abs(a.position.y - b.position.y));
    const isOver = (a, b) => %s * (half(a) + half(b)) > apart(a, b);
    const goesIn = (a, b) => b.isGroup && apart(a, b) + half(a) <= half(b) - rim;
    let below = [];
    view.drag_controls?.addEventListener('dragstart', ({object}) => {
        below = view.draggable_objects.filter(other => other !== object
            && !(isOver(object, other) && other.position.z > object.position.z));
    });
    view.drag_controls?.addEventListener('drag', ({object}) => {
        const tops = below.filter(other => isOver(object, other)).map(other => other.position.z
            + (goesIn(object, other) ? rim - high(other) : high(other)));
        object.position.z = Math.max(0, ...tops) + high(object);
    });
}"""
"""Script that shows a dragged thing on what is below it, where it would come to rest."""

Drag = Callable[[int, float, float], None]


class SceneView:
    """One page's view; what is drawn follows from what it is told last.

    Args:
        on_drag: Callback with id, x and y of a thing that was dragged.
        on_click: Callback with the id of a thing that was clicked.
    """

    def __init__(self, on_drag: Drag, on_click: Callable[[int], None]) -> None:
        self._on_drag, self._on_click = on_drag, on_click
        self._dragged_at = self._path_at = 0.0
        self._boxes: dict[int, tuple[Thing, Object3D]] = {}
        self._places: dict[int, Place] = {}
        self._marks: dict[str, list[Object3D]] = {}
        self._drawn: dict[str, object] = {}
        self._heat: ui.scene.texture | None = None
        self._bodies: list[ui.scene.group] = []
        width, height = SIZE
        self.scene = ui.scene(
            width,
            height,
            grid=False,
            camera=ui.scene.perspective_camera(fov=FIELD_OF_VIEW, near=0.5, far=30.0),
            on_drag_end=self._drag_ended,
            on_click=self._clicked,
            click_events=['click'],
            background_color='#dfe3e8',
            control_type='map',
            fps=RATE,
        ).classes('rounded-lg')
        self.scene.on('init', js_handler=_DRAW_ON_CHANGE % self.scene.id)
        lifted = (self.scene.id, BOX_TALL, BOX_RIM, INSIDE)
        self.scene.on('init', js_handler=_LIFT_OVER_THINGS % lifted)
        with self.scene:
            ui.scene.box(2.3, 2.3, 0.02).material('#c9ccd1').move(0, 0, -0.012)
            ui.scene.box(2.0, 2.0, 0.02).material('#f4f4f2').move(0, 0, -0.011)
        self.look_from('above')

    def look_from(self, view: str) -> None:
        """Look at the table from one of the `VIEWS`."""
        place, target, up = VIEWS[view]
        self.scene.move_camera(*place, *target, *up, duration=0.4)

    def show_things(self, table: Table, places: Mapping[int, Place] | None = None) -> None:
        """Draw the things, at other places than the table's where these are given.

        Args:
            table: Table.
            places: Places of things by id.
        """
        for thing_id in set(self._boxes) - set(table.ids):
            self._boxes.pop(thing_id)[1].delete()
            self._places.pop(thing_id)
        for thing in table.things:
            place = (places or {}).get(thing.id, thing.place)
            kept = self._boxes.get(thing.id)
            if kept is None or kept[0] != replace(
                thing, position=kept[0].position, bottom=kept[0].bottom
            ):
                if kept is not None:
                    kept[1].delete()
                with self.scene:
                    box = _draw_thing(thing)
                box.draggable()
                self._places.pop(thing.id, None)
            else:
                box = kept[1]
            self._boxes[thing.id] = (thing, box)
            kept_place = self._places.get(thing.id)
            if kept_place is None or np.abs(np.subtract(kept_place, place)).max() > SEEN:
                box.move(place[0], place[1], place[2] + thing.height / 2)
                self._places[thing.id] = place

    def put_back(self, table: Table) -> None:
        """Draw things where they are that the browser has dragged elsewhere."""
        self._places.clear()
        self.show_things(table)

    def show_marks(self, table: Table, meant: Collection[int], selected: int | None) -> None:
        """Draw rings around what is meant, and a frame around what is selected."""
        rings = [table.thing(i) for i in meant if i in table.ids]
        frames = [table.thing(i) for i in (selected,) if i is not None and i in table.ids]
        key = (tuple(rings), tuple(frames))

        def draw() -> Iterable[Object3D]:
            for thing in rings:
                yield _ring(thing, 0.78, 0.96).material('#f08c00')
            for thing in frames:
                yield _ring(thing, 1.0, 1.08).material('#1971c2')

        self._redraw('marks', key, draw)

    def show_moves(
        self,
        table: Table,
        places: Mapping[int, Place],
        before: Table | None = None,
    ) -> None:
        """Draw ghosts of things at places they should go to, or came from, with a line to each."""
        shown = {i: place for i, place in places.items() if i in table.ids}
        came_from = before is not None

        def draw() -> Iterable[Object3D]:
            for thing_id, (x, y, bottom) in shown.items():
                thing = table.thing(thing_id)
                tall = 0.4 * thing.height
                ghost = ui.scene.box(thing.size, thing.size, tall)
                ghost.material(hex_of(NAMED_COLORS[thing.color]), opacity=0.35)
                yield ghost.move(x, y, bottom + tall / 2)
                height = thing.top + tall / 2
                line = ui.scene.line([*thing.position, height], [x, y, bottom + tall])
                yield line.material('#495057' if came_from else '#1971c2')

        self._redraw('moves', (tuple(shown.items()), table, came_from), draw)

    def show_heat(self, picture: str, carriers: Sequence[Thing] = ()) -> None:
        """Draw an energy on the table, and on top of some things; '' for none."""
        key = (picture, tuple(carriers)) if picture else None
        if self._drawn.get('heat') == key:
            return
        self._drawn['heat'] = key
        old, self._heat = self._heat, None
        if picture:
            ticks = np.linspace(-1, 1, _HEAT_TICKS if carriers else 2)
            x, y = np.meshgrid(ticks, ticks[::-1])
            places = np.stack([x.ravel(), y.ravel()], axis=-1)
            z = rest_heights(places, 0.0, carriers)
            for box in carriers:
                z = np.where(box.takes(places, 0.0), np.maximum(z, box.bottom + BOX_RIM), z)
            z += _HEAT_HEIGHT
            rows = np.column_stack([places, z]).round(3).reshape(*x.shape, 3)
            corners: list[list[list[float] | None]] = [[*row] for row in rows.tolist()]
            with self.scene:
                self._heat = ui.scene.texture(picture, corners)
        if old is not None:
            old.delete()

    def show_arm(self, look: ArmLook | None) -> None:
        """Draw an arm, or none; its bodies stand where `move_arm` puts them."""
        if self._drawn.get('arm') is look:
            return
        self._drawn['arm'] = look
        for body in self._bodies:
            body.delete()
        self._bodies = []
        if look is None:
            return
        with self.scene:
            for index in range(1 + max(shape.body for shape in look.shapes)):
                with ui.scene.group() as body:
                    for shape in look.shapes:
                        if shape.body == index:
                            _draw_shape(shape)
                self._bodies.append(body.scale(1 / look.workspace.half_extent))

    def move_arm(self, look: ArmLook, state: ArmState) -> None:
        """Put the arm's bodies that moved where they are now, in one message to the browser."""
        workspace, turn = look.workspace, np.eye(3)
        turn[:2, :2] = workspace.rotation.T
        center = np.array([*workspace.center, 0.0])
        calls: list[list[object]] = []
        for body, (position, *rotation) in zip(self._bodies, state.bodies):
            place = turn @ (position - center) / workspace.half_extent
            pose = np.vstack([place, turn @ rotation])
            if np.abs(pose - [[body.x, body.y, body.z], *body.R]).max() < SEEN:
                continue
            body.x, body.y, body.z = map(float, place)
            body.R = pose[1:].tolist()
            calls.append(['move', body.id, body.x, body.y, body.z])
            calls.append(['rotate', body.id, body.R])
        if calls:
            self.scene.run_method('run_methods', calls)

    def show_path(self, path: Sequence[Sequence[float]]) -> None:
        """Draw where a plan takes the tool, through 4 places; nothing for none."""
        if path and time.monotonic() - self._path_at < PATH_PERIOD:
            return
        self._path_at = time.monotonic()
        points = np.array(path).reshape(-1, 3).round(2)

        def draw() -> Iterable[Object3D]:
            if len(points) == len(_BEZIER):
                yield ui.scene.curve(*(_BEZIER @ points).tolist()).material('#e8590c')

        self._redraw('path', tuple(map(tuple, points)), draw)

    def _redraw(self, kind: str, key: object, draw: Callable[[], Iterable[Object3D]]) -> None:
        """Draw marks anew where they differ from those that are there."""
        if self._drawn.get(kind) == key:
            return
        self._drawn[kind] = key
        for old in self._marks.pop(kind, []):
            old.delete()
        with self.scene:
            self._marks[kind] = list(draw())

    def _drag_ended(self, event: events.SceneDragEventArguments) -> None:
        thing_id = _id_of(event.object_name)
        if thing_id is None:
            return
        x, y, _ = self._places.get(thing_id, (event.x, event.y, 0.0))
        if np.hypot(event.x - x, event.y - y) < STILL:
            return  # every click on a thing begins and ends a drag
        self._dragged_at = time.monotonic()
        self._places.pop(thing_id, None)
        self._on_drag(thing_id, event.x, event.y)

    def _clicked(self, event: events.SceneClickEventArguments) -> None:
        if time.monotonic() - self._dragged_at < AFTER_DRAG:
            return
        found = [i for hit in event.hits if (i := _id_of(hit.object_name)) is not None]
        if found:
            self._on_click(found[0])


def hex_of(color: Iterable[float]) -> str:
    """Return RGB in [0, 1] as #rrggbb."""
    return '#' + ''.join(f'{round(255 * value):02x}' for value in color)


def _draw_thing(thing: Thing) -> Object3D:
    """Draw a block, or the floor and the walls of an open box, about the origin."""
    color, name = np.array(NAMED_COLORS[thing.color]), f'thing {thing.id}'
    if not thing.is_open:
        solid = ui.scene.box(thing.size, thing.size, thing.size)
        return solid.material(hex_of(color)).with_name(name)
    with ui.scene.group().with_name(name) as group:
        for place, half in box_parts(np.array([thing.size, thing.size, BOX_TALL]), BOX_RIM):
            part = ui.scene.box(*(2 * half).tolist()).with_name(name).move(*place.tolist())
            # From above the floor, the first, is told from the rim by its shade.
            part.material(hex_of(color if place[2] > 0 else _SHADE * color))
    return group


def _ring(thing: Thing, inner: float, outer: float) -> ui.scene.ring:
    x, y, bottom = thing.place
    band = (outer - inner) * min(thing.size, SIZES[1])
    ring = ui.scene.ring(inner * thing.size, inner * thing.size + band, 40)
    return ring.move(x, y, bottom + _MARK_HEIGHT)


def _draw_shape(shape: ArmShape) -> None:
    rotation, size = shape.rotation.as_matrix(), shape.size.tolist()
    solid: Object3D
    match shape.kind:
        case 'cylinder':
            radius, half = size
            solid = ui.scene.cylinder(radius, radius, 2 * half, 16)
            rotation = rotation @ _TO_Z
        case 'sphere':
            solid = ui.scene.sphere(size[0], 16, 10)
        case _:
            x, y, z = size
            solid = ui.scene.box(2 * x, 2 * y, 2 * z)
    solid.material(hex_of(shape.color)).move(*shape.position.tolist()).rotate_R(rotation.tolist())


def _id_of(name: str) -> int | None:
    """Return the id of the thing whose object has a name; None for other objects."""
    kind, _, number = (name or '').partition(' ')
    return int(number) if kind == 'thing' and number.isdigit() else None
