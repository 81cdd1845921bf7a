"""The studio used by a program as a person uses it: with a browser, a mouse and a keyboard.

Needs `playwright` and a Chromium on the PATH.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from concept_control.errors import StudioError
from concept_control.studio.scene_view import DISTANCE, FIELD_OF_VIEW
from concept_control.studio.table import BOX_SIZE, Table, Thing
from concept_control.world.events import DEFAULT_SIZE

START_TIMEOUT = 60.0
"""Longest time that the studio may take to start [s]."""

SOFTWARE_GL = ('--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader')
"""Arguments of a Chromium that draws without a graphics card."""

MIDDLE = 0.08
"""Height at which a thing of the usual size is dragged [workspace units]."""

_TWO_FRAMES = """() => new Promise(done => requestAnimationFrame(
    () => setTimeout(() => requestAnimationFrame(done), 100)
))"""


@contextmanager
def open_studio(library: Path, options: Sequence[str] = ()) -> Iterator[str]:
    """Run `concept_control studio` as a process of its own; yield the address of its page.

    Args:
        library: Folder of taught words; the log is written there, too.
        options: Further arguments of the command.

    Raises:
        StudioError: if it does not start, or something went wrong behind the page.
    """
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, '-m', 'concept_control.cli', 'studio', '--port', port]
    command += ['--library', str(library), *options]
    path = library / 'log'
    with path.open('w') as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        is_up = comes_about(lambda: 'open http' in path.read_text(), START_TIMEOUT)
        if not is_up:
            raise StudioError(f'the studio did not start: {path.read_text()[-1000:]}')
        yield f'http://127.0.0.1:{port}/'
    finally:
        process.terminate()
        process.wait(20)
    # The arm's process has ended with the studio.
    if 'Traceback' in path.read_text():
        raise StudioError(f'something went wrong behind the page: {path.read_text()}')


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser without a window.

    Raises:
        StudioError: if there is none.
    """
    chromium = shutil.which('chromium')
    if chromium is None:
        raise StudioError('no chromium on the PATH; install it, such as: apt install chromium')
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=SOFTWARE_GL)
        yield browser
        browser.close()


def comes_about(condition: Callable[[], object], seconds: float) -> bool:
    """Wait for a condition; tell whether it held in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class StudioPage:
    """What a person does with a page of the studio, and reads on it.

    Args:
        page: Page of a browser.
        address: Address of the studio.

    Attributes:
        page: As given.
        errors: Errors of the page's scripts, and files that it asked for from outside.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        page.on('pageerror', lambda error: self.errors.append(str(error)))
        page.on('request', self._asked_for)
        self.open()

    def open(self) -> None:
        """Open the page, or open it again.

        Raises:
            StudioError: if it shows no table.
        """
        self.page.goto(self.address)
        self.page.wait_for_selector('canvas')
        self.wait_for(lambda: self.table().things, 'the page shows no table')
        self.page.wait_for_timeout(800)

    def at(self, name: str) -> Locator:
        """Return an element by its test id."""
        return self.page.get_by_test_id(name)

    def text(self, name: str) -> str:
        """Return what an element says."""
        return self.at(name).inner_text()

    def wait_for(
        self, condition: Callable[[], object], otherwise: str, seconds: float = 30.0
    ) -> None:
        """Wait for a condition.

        Raises:
            StudioError: if it does not come about; `otherwise` says what is wrong then.
        """
        if not comes_about(condition, seconds):
            raise StudioError(otherwise)

    def table(self) -> Table:
        """Read the table off the labels of its things."""
        labels = self.at('things').get_by_role('button').all()
        words = [str(label.get_attribute('aria-label')) for label in labels]
        place = r'at ([^ ,]+), ([^ ,]+)(?:, height (\S+))?'
        label = re.compile(r'#(\d+) (\w+)( open box)? ' + place)
        found = [label.fullmatch(word) for word in words]
        groups = [match.groups() for match in found if match is not None]
        return Table(
            tuple(
                Thing(
                    int(i),
                    c,
                    (float(x), float(y)),
                    BOX_SIZE if box else DEFAULT_SIZE,
                    float(z or 0),
                    bool(box),
                )
                for i, c, box, x, y, z in groups
            )
        )

    def pixel(self, x: float, y: float, bottom: float = 0.0) -> tuple[float, float]:
        """Return where the middle of a thing at a place is drawn, seen from above [pixels]."""
        box = self.page.locator('canvas').first.bounding_box()
        assert box is not None, 'the scene is always there'
        # Things are dragged at the height of their middle, which is nearer to the camera.
        scale = (
            box['height']
            / 2
            / np.tan(np.radians(FIELD_OF_VIEW / 2))
            / (DISTANCE - MIDDLE - bottom)
        )
        across, down = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
        return float(across + scale * x), float(down - scale * y)

    def drag(self, thing_id: int, place: Sequence[float], waits: bool = True) -> None:
        """Drag a thing to a place.

        Raises:
            StudioError: if it is not there after a while, unless nobody `waits` for that.
        """

        def is_there() -> bool:
            gap = np.subtract(self.table().thing(thing_id).position, place)
            return bool(np.abs(gap).max() < 0.02)

        for _ in range(3):
            self.page.evaluate(_TWO_FRAMES)
            start = self.table().thing(thing_id).place
            self.page.mouse.move(*self.pixel(*start))
            self.page.mouse.down()
            self.page.mouse.move(*self.pixel(place[0], place[1], start[2]), steps=5)
            self.page.mouse.up()
            if not waits or comes_about(is_there, 10):
                return
            # A slow page draws a table later than it lists it. What is not where it is drawn is
            # not grasped, the table is moved instead, and whoever looks tries again from above.
            self.page.get_by_role('button', name='From above').click()
            self.page.wait_for_timeout(600)
        raise StudioError(f'#{thing_id} could not be dragged to {place}')

    def click(self, thing_id: int) -> None:
        """Click on a thing."""
        self.page.evaluate(_TWO_FRAMES)
        self.page.mouse.click(*self.pixel(*self.table().thing(thing_id).place))

    def tab(self, name: str) -> None:
        """Open a panel."""
        self.page.get_by_role('tab', name=name).click()
        self.page.wait_for_timeout(200)

    def show_between(self, number: int) -> float:
        """Keep an example of red between blue and green, and that it is about these.

        Args:
            number: Number of the example, from 1.

        Returns:
            Time from when it is kept until the page says what was understood [s].

        Raises:
            StudioError: if the page does not do what it should.
        """
        blue, green = self._ends_with_room()
        self.drag(1, (blue + green) / 2)
        self.wait_for(
            lambda: 'red moved; it is about' in self.text('example'), 'the move is not shown'
        )
        self.page.wait_for_timeout(300)

        def meant() -> str:
            return self.text('example').partition('about')[2]

        for thing, name in ((2, 'blue'), (3, 'green'), (4, 'yellow'), (5, 'magenta')):
            if (name in meant()) != (thing in (2, 3)):
                self._changes(meant, partial(self.click, thing), f'{name} cannot be clicked')
        table, begin = self.table(), time.perf_counter()
        self.at('keep').click()
        self.at('understood').get_by_text(f'from {number} example').first.wait_for()
        took = time.perf_counter() - begin
        self.wait_for(lambda: self.table() != table, 'the next example does not begin')
        return took

    def _ends_with_room(self) -> tuple[np.ndarray, np.ndarray]:
        """Shuffle until blue and green have room between them; return their places."""
        while True:
            table = self.table()
            places = {i: np.array(table.thing(i).position) for i in table.ids}
            blue, green = places[2], places[3]
            away = [np.abs(places[i] - (blue + green) / 2).max() > 0.25 for i in (4, 5)]
            if all(away) and np.abs(blue - green).max() > 0.45:
                return blue, green
            shuffle = self.page.get_by_role('button', name='Shuffle')
            self._changes(self.table, shuffle.click, 'the table is not shuffled')

    def _changes(
        self, look: Callable[[], object], act: Callable[[], object], otherwise: str
    ) -> None:
        """Do something, and wait until it can be seen."""
        before = look()
        act()
        self.wait_for(lambda: look() != before, otherwise)

    def _asked_for(self, request: Request) -> None:
        if not request.url.startswith((self.address, 'data:', 'blob:')):
            self.errors.append(f'a file from outside: {request.url}')
