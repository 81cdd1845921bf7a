"""`concept_control benchmark studio`: how fast the page is, and what it costs the arm."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.errors import StudioError
from concept_control.reports.json_file import write_report
from concept_control.reports.report import Report
from concept_control.studio.browser import StudioPage, open_browser, open_studio

NUM_EXAMPLES = 5
"""Number of examples that are shown."""

COMMANDS = ('left_of(red; blue)', 'right_of(red; blue)')
"""Expressions that the arm is asked for in turn, so that there is always something to do."""

WATCHED = 6.0
"""Time from a command until its late control periods are read [s], or sooner where it is done."""

DONE = ('satisfied', 'failed', 'refused', 'cancelled')
"""What the status of a command that is over begins with."""

COUNT_FRAMES = """
window.frames_drawn = 0;
for (const kind of [window.WebGL2RenderingContext, window.WebGLRenderingContext]) {
    const clear = kind.prototype.clear;
    kind.prototype.clear = function (mask) {
        if (mask & 16384) window.frames_drawn += 1;
        return clear.call(this, mask);
    };
}
"""
"""Script that counts how often the scene is drawn: each time begins by clearing the colours."""

COLUMNS = {'what': '{what}', 'figure': '{figure}'}
"""Titles of the table, and the format of the values below."""


@dataclass(frozen=True)
class StudioFiguresConfig:
    """What to measure, and where to write what came of it.

    Attributes:
        pairs: Number of commands with the page open, and as many with no page.
        json: File for every number; None writes none.
    """

    pairs: int = 3
    json: Path | None = None


@dataclass(frozen=True)
class _Act:
    """What the page says of one command after a while."""

    plan_ms: float
    late: int
    periods: int
    frame_rate: float = float('nan')


def run(config: StudioFiguresConfig) -> int:
    """Measure and print a table; 0 if the page did all it was asked for.

    Raises:
        StudioError: if there is no browser, or the page does not do what it should.
    """
    report = Report('The studio')
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        open_studio(Path(folder), ('--seed', '1')) as address,
    ):
        context = browser.new_context(viewport={'width': 1280, 'height': 720})
        context.add_init_script(COUNT_FRAMES)
        page = StudioPage(context.new_page(), address)
        examples = tqdm(range(1, NUM_EXAMPLES + 1), 'examples', file=sys.stderr)
        understood = [page.show_between(number) for number in examples]
        shown: list[_Act] = []
        alone: list[_Act] = []
        for number in tqdm(range(config.pairs), 'pairs of commands', file=sys.stderr):
            # Each is asked for with the page and without it in turn, and none twice running.
            for command, is_open in zip(COMMANDS, (number % 2 == 0, number % 2 == 1)):
                (shown if is_open else alone).append(_act(page, command, is_open))
        errors = page.errors
    report.table(COLUMNS, _rows(understood, shown, alone))
    for error in errors:
        report.say(error, is_note=True)
    write_report(
        config.json,
        understood_s=understood,
        with_page=[vars(act) for act in shown],
        without_page=[vars(act) for act in alone],
        errors=errors,
    )
    return 1 if errors else 0


def _rows(
    understood: Sequence[float], shown: Sequence[_Act], alone: Sequence[_Act]
) -> Iterator[dict[str, str]]:
    """Yield the rows of the table."""
    yield _row('what was understood is shown, median of the examples', _ms(np.median(understood)))
    yield _row('the same, slowest', _ms(max(understood)))
    rate = min(act.frame_rate for act in shown)
    yield _row('pictures of the table a second while the arm works, least', f'{rate:.0f}')
    for name, acts in (('a page open', shown), ('no page', alone)):
        late, periods = sum(act.late for act in acts), sum(act.periods for act in acts)
        yield _row(f'late control periods, {name}', f'{late} of {periods}')
        plan = np.median([act.plan_ms for act in acts])
        yield _row(f'a plan takes, {name}, median', f'{plan:.1f} ms')


def _row(what: str, figure: str) -> dict[str, str]:
    return {'what': what, 'figure': figure}


def _ms(seconds: float | np.floating[Any]) -> str:
    return f'{1000 * seconds:.0f} ms'


def _act(page: StudioPage, expression: str, is_open: bool) -> _Act:
    """Command the arm, watch it or look away, and read what the page says then."""
    page.tab('Ask')
    page.at('expression').fill(expression)
    page.wait_for(
        lambda: expression.partition('(')[0] in page.text('parts'), f'{expression} has no meaning'
    )
    page.tab('Act')
    page.at('do').click()
    page.wait_for(
        lambda: page.text('status').startswith('active') and expression in page.text('asked'),
        f'the arm does not begin with {expression}',
        90.0,
    )
    rate = float('nan')
    if is_open:
        drawn, begin = _frames(page), time.monotonic()
        while time.monotonic() < begin + WATCHED and not page.text('status').startswith(DONE):
            page.page.wait_for_timeout(200)
        rate = (_frames(page) - drawn) / (time.monotonic() - begin)
    else:
        page.page.goto('about:blank')
        page.page.wait_for_timeout(1000 * WATCHED)
        page.open()
        page.tab('Act')
        page.wait_for(lambda: 'late' in page.text('numbers'), 'the page says nothing of the arm')
    numbers = page.text('numbers')
    found = re.search(r'a plan takes (\S+) ms; late (\d+) of (\d+)', numbers)
    if found is None:
        raise StudioError(f'no number of late control periods in: {numbers}')
    page.wait_for(lambda: page.text('status').startswith(DONE), f'{expression} does not end', 60)
    return _Act(float(found[1]), int(found[2]), int(found[3]), rate)


def _frames(page: StudioPage) -> int:
    return int(page.page.evaluate('window.frames_drawn'))
