"""The studio without a page: what is clicked, said and acted, judged by predicates."""

import time

import numpy as np
import pytest

from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.language.library_store import taught_names
from concept_control.studio.config import StudioConfig
from concept_control.studio.studio import Studio


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it did not come about'
        time.sleep(0.02)


@pytest.fixture(scope='module')
def studio(tmp_path_factory):
    studio = Studio(StudioConfig(seed=3), tmp_path_factory.mktemp('library'))
    wait_for(lambda: studio.workbench.words)
    yield studio
    studio.close()


def settled(workbench):
    wait_for(lambda: not workbench.is_busy)


def test_a_lesson_is_shown_named_used_and_undone(studio):
    workbench = studio.workbench
    for _ in range(4):
        place = np.add(workbench.desk.table.thing(2).position, (0.0, 0.3))
        while abs(place).max() > 0.8 or workbench.desk.table != workbench.desk.before:
            workbench.shuffle()
            place = np.add(workbench.desk.table.thing(2).position, (0.0, 0.3))
        try:
            workbench.desk.table.dragged(1, *place)
        except ValueError:
            continue
        workbench.drag(1, *place)
        settled(workbench)
        if workbench.desk.example.meant != (2,):
            for i in {*workbench.desk.example.meant} ^ {2}:
                workbench.toggle_meant(i)
        workbench.keep_example()
    settled(workbench)
    assert len(workbench.desk.examples) >= 2
    assert workbench.lesson.understanding.sentences
    assert 'agree' in workbench.lesson.agreement
    workbench.name_lesson('Bad Name')
    workbench.name_lesson('red')
    told = [text for _, text in workbench.notices]
    assert "'Bad Name' cannot be a name" in told[-2] and 'shipped with the package' in told[-1]
    workbench.name_lesson('over_it')
    wait_for(lambda: 'over_it' in workbench.words)
    assert taught_names(workbench.library) == ['over_it']

    workbench.ask('over_it(red; blue)')
    settled(workbench)
    assert workbench.question.meaning is not None, workbench.question.error
    kept = len(workbench.desk.examples)
    workbench.forget_example(0)
    assert len(workbench.desk.examples) == kept - 1
    workbench.undo()
    assert len(workbench.desk.examples) == kept


def test_what_cannot_be_asked_says_where_and_what_was_meant(studio):
    workbench = studio.workbench
    for text, error in (
        ('betwen(red; blue, green)', 'did you mean between'),
        ('between(red; blue', '^'),
        ('near(white; blue)', 'white'),
    ):
        workbench.ask(text)
        settled(workbench)
        assert workbench.question.meaning is None
        assert error in workbench.question.error
    workbench.ask('')
    settled(workbench)
    assert workbench.question.error == ''


def test_a_thing_that_cannot_be_put_there_stays_and_it_is_said(studio):
    workbench = studio.workbench
    before = workbench.desk.table
    workbench.drag(1, 1.4, 0.0)
    assert workbench.desk.table == before
    assert 'off the table' in workbench.notices[-1][1]


def test_the_arm_does_it_and_follows_what_is_pushed_meanwhile(studio):
    workbench = studio.workbench
    expression = 'left_of(red; blue)'
    workbench.ask(expression)
    settled(workbench)
    studio.act(expression)
    wait_for(lambda: studio.robot.state is not None and studio.robot.state.phase == 'carry')
    free = workbench.desk.table.without(2)
    place = next(
        (x, y)
        for x in np.linspace(0.2, 0.7, 6)
        for y in np.linspace(-0.7, 0.7, 8)
        if all(max(abs(x - t.position[0]), abs(y - t.position[1])) > 0.45 for t in free.things)
    )
    truth = workbench.desk.table.moved({2: place}).tabletop()
    studio.push(2, *place)
    wait_for(lambda: studio.robot.state.status != 'active')
    studio.follow_arm()
    assert studio.robot.state.status == 'satisfied', studio.robot.state
    table = workbench.desk.table
    assert np.abs(np.subtract(table.thing(2).position, place)).max() < 0.02
    assert Judge(parse(expression), truth, 0.0625)(table.tabletop()).holds


def test_what_is_asked_in_a_pause_waits_and_when_cancelled_the_arm_holds(studio):
    studio.control('pause')
    studio.act('right_of(red; blue)')
    wait_for(lambda: studio.robot.state.status == 'paused' and studio.robot.state.periods > 5)
    studio.control('resume')
    wait_for(lambda: studio.robot.state.status == 'active' and studio.robot.state.periods > 5)
    studio.control('cancel')
    wait_for(lambda: studio.robot.state.status == 'cancelled', 2.0)


def test_the_arms_process_ends_with_the_studio(studio):
    studio.act('left_of(red; blue)')
    wait_for(lambda: studio.robot.state is not None and studio.robot.state.status == 'active')
    process = studio.robot._process
    studio.close()  # for the last time: this ends it
    assert not process.is_alive()
