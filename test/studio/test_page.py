"""The studio in a real browser, headless: judged by what the page shows, and by predicates."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from concept_control.language.expression import parse
from concept_control.language.judge import Judge

CHROMIUM = shutil.which('chromium')
pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason='no chromium on the PATH'),
    pytest.mark.whole_machine,
]

from concept_control.studio.browser import (  # noqa: E402 - needs playwright
    StudioPage,
    comes_about,
    open_browser,
    open_studio,
)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # The page's library would take a child of pytest for one of its own tests.
            for name in [name for name in os.environ if name.startswith('PYTEST')]:
                patch.delenv(name)
            patch.setenv('PYTHONPATH', str(ROOT))
            library = tmp_path_factory.mktemp('library')
            found = stack.enter_context(open_studio(library, ('--seed', '1')))
        yield found


@pytest.fixture(scope='module')
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport={'width': 1280, 'height': 720})
    page = StudioPage(context.new_page(), address)
    yield page
    assert page.errors == []
    context.close()


def wait_for(condition, seconds=30.0, told=None):
    assert comes_about(condition, seconds), 'it did not come about' if told is None else told()


def told(page, text, seconds=30.0):
    page.page.get_by_text(text).first.wait_for(timeout=1e3 * seconds)


def doing(page):
    return lambda: ' | '.join(map(page.text, ('status', 'reason', 'numbers')))


def test_a_concept_is_shown_understood_corrected_named_and_asked_for(page):
    for number in range(1, 6):
        page.show_between(number)
    sentences = page.at('sentence').all_inner_texts()
    assert any('blue, green' in sentence for sentence in sentences), sentences
    told(page, 'agree', 30)
    wait_for(lambda: page.at('tries').locator('svg').count() == 3)

    page.at('tries').get_by_role('button', name='correct').first.click()
    told(page, 'put it right')
    table = page.table()
    middle = np.add(table.thing(2).position, table.thing(3).position) / 2
    page.drag(1, middle)
    page.at('keep').click()
    wait_for(lambda: 'from 6 examples' in page.text('understood'))

    page.at('name').fill('between')
    page.at('save').click()
    told(page, 'shipped with the package')
    page.at('name').fill('in_the_middle')
    page.at('save').click()
    told(page, 'in_the_middle is a word now', 60)

    page.tab('Ask')
    page.at('expression').fill('in_the_midle(red; blue, green)')
    wait_for(lambda: 'did you mean in_the_middle' in page.text('error'))
    page.at('expression').fill('in_the_middle(red; blue, green)')
    wait_for(lambda: 'in_the_middle' in page.text('parts') and not page.text('error'))
    before = page.table()
    page.at('expression').fill('near(red; blue) and near(green; yellow)')
    page.page.get_by_role('slider', name='weight 2').locator('[tabindex]').focus()
    for text in ('0.9', '0.8'):
        page.page.keyboard.press('ArrowLeft')
        wait_for(lambda: f'{text}*near' in page.at('expression').input_value())  # noqa: B023
    assert page.table() == before
    page.at('expression').fill('in_the_middle(red; blue, green)')
    wait_for(lambda: 'near' not in page.text('parts'))
    page.at('particles').click()
    wait_for(lambda: page.table() != before)
    judge = Judge(parse('between(red; blue, green)'), before.tabletop(), 0.0625)
    assert judge(page.table().tabletop()).holds


def test_keys_move_and_undo_and_a_thing_is_put_on_another_or_off_the_table(page):
    before = page.table()
    page.drag(4, (1.15, 0.0), waits=False)
    told(page, 'would fall off the table')
    assert page.table() == before
    page.page.mouse.click(640, 700)
    page.page.keyboard.press('n')
    page.page.keyboard.press('ArrowRight')
    page.page.keyboard.press('ArrowLeft')
    page.page.keyboard.press('ArrowLeft')
    wait_for(lambda: page.table() != before)
    for _ in range(3):
        page.page.keyboard.press('Control+z')
    wait_for(lambda: page.table() == before)

    page.page.get_by_role('button', name='New concept').click()
    page.drag(1, before.thing(2).position)
    wait_for(lambda: 'red moved onto blue; it is about blue' in page.text('example'))
    assert page.table().on(1) == (2,)
    page.at('keep').click()
    wait_for(lambda: 'red stands' in page.text('understood') and not page.table().on(1))
    page.at('name').fill('put_onto')
    page.at('save').click()
    told(page, 'put_onto is a word now')
    page.tab('Ask')
    page.at('expression').fill('put_onto(red; blue)')
    wait_for(lambda: 'put_onto' in page.text('parts'))
    before = page.table()
    page.at('particles').click()
    wait_for(lambda: page.table() != before)
    judge = Judge(parse('on_top_of(red; blue)'), before.tabletop(), 0.0625)
    assert judge(page.table().tabletop()).holds
    page.page.get_by_role('button', name='Shuffle').click()
    wait_for(lambda: not page.table().on(1))


def test_a_thing_is_put_into_an_open_box_taught_and_asked_for(page):
    page.page.get_by_role('button', name='New concept').click()

    def is_added():
        page.page.get_by_role('button', name='Shuffle').click()
        page.page.get_by_role('button', name='Add open box').click()
        page.page.get_by_role('listitem').filter(has_text='cyan').last.click()
        return comes_about(lambda: page.table().ids == (1, 2, 3, 4, 5, 6), 3)

    wait_for(is_added)
    page.drag(1, page.table().thing(6).position)
    wait_for(lambda: 'red moved into cyan; it is about cyan' in page.text('example'))
    page.at('keep').click()
    wait_for(lambda: 'red stands' in page.text('understood') and not page.table().on(1))
    page.at('name').fill('put_into')
    page.at('save').click()
    told(page, 'put_into is a word now')
    page.tab('Ask')
    page.at('expression').fill('put_into(green; cyan)')
    wait_for(lambda: 'put_into' in page.text('parts'))
    before = page.table()
    page.at('particles').click()
    wait_for(lambda: page.table().on(3) == (6,))
    judge = Judge(parse('inside(green; cyan)'), before.tabletop(), 0.0625)
    assert judge(page.table().tabletop()).holds
    page.page.get_by_role('button', name='#6 cyan open box').click()
    page.page.get_by_role('button', name='Take away').click()
    wait_for(lambda: page.at('things').get_by_role('button').count() == 5)


def test_the_arm_does_it_follows_a_thing_that_is_dragged_and_is_cancelled(page):
    page.tab('Ask')
    page.at('expression').fill('left_of(red; blue)')
    wait_for(lambda: 'left_of' in page.text('parts'))
    page.tab('Act')
    # The arm does not wait for a slow page, so it is told to.
    page.page.get_by_role('button', name='Pause').click()
    page.at('do').click()
    wait_for(lambda: 'paused' in page.text('status'), 120, doing(page))
    start = page.table()
    free = [t for t in start.things if t.id != 2]
    place = next(
        (x, y)
        for x in np.linspace(0.2, 0.7, 6)
        for y in np.linspace(-0.7, 0.7, 8)
        if all(max(abs(x - t.position[0]), abs(y - t.position[1])) > 0.4 for t in free)
    )
    page.drag(2, place, waits=False)
    page.page.get_by_role('button', name='Go on').click()
    wait_for(lambda: 'satisfied' in page.text('status'), 120, doing(page))
    wait_for(lambda: page.table() != start)
    after = page.table()
    assert np.abs(np.subtract(after.thing(2).position, place)).max() < 0.05
    judge = Judge(parse('left_of(red; blue)'), start.moved({2: place}).tabletop(), 0.0625)
    assert judge(after.tabletop()).holds
    assert 'late' in page.text('numbers')

    page.tab('Ask')
    page.at('expression').fill('right_of(red; blue)')
    page.tab('Act')
    page.page.get_by_role('button', name='Pause').click()
    page.at('do').click()
    wait_for(lambda: 'paused' in page.text('status') and 'right_of' in page.text('asked'))
    page.at('cancel').click()
    wait_for(lambda: 'cancelled' in page.text('status'), 3)


def test_a_reload_and_a_second_page_show_the_same(page, browser, address):
    examples = page.at('examples').locator('svg').count()
    assert examples == 1  # the last lesson above
    table = page.table()
    page.open()
    assert page.at('examples').locator('svg').count() == examples
    assert page.table() == table
    context = browser.new_context(viewport={'width': 1920, 'height': 1080}, color_scheme='dark')
    other = StudioPage(context.new_page(), address)
    other.page.get_by_text('pages show this table').wait_for()
    other.page.get_by_role('button', name='Shuffle').click()
    wait_for(lambda: page.table() == other.table() != table)
    assert other.errors == []
    context.close()


def test_a_bag_is_looked_back_at(page):
    page.tab('Look back')
    page.at('bag').fill(str(ROOT / 'test/data/nothing'))
    page.at('open').click()
    told(page, 'nothing', 10)
    page.at('bag').fill(str(ROOT / 'test/data/between'))
    page.at('open').click()
    wait_for(lambda: ' holds, ' in page.text('verdicts'), 60)
    track = page.at('time').bounding_box()
    page.page.mouse.click(track['x'] + 0.9 * track['width'], track['y'] + track['height'] / 2)
    wait_for(
        lambda: 'between' in page.text('moment') and not page.text('moment').startswith('0.0 s')
    )
    # The same once more, by another energy.
    page.at('energy').click()
    page.page.get_by_role('option', name='network').click()
    page.at('open').click()
    wait_for(lambda: 'BETWEEN, NETWORK' in page.text('verdicts').upper(), 60)
    assert page.page.locator('polyline:visible').count() == 2
