"""Strokes from files and topics, and what is no stroke."""

import numpy as np
import pytest

from concept_control.errors import StrokeError
from concept_control.policy.stroke_files import read_curves, read_examples
from concept_control.policy.strokes import StrokeSplitter

SQUARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
    '<path d="M 10 10 H 90 V 90 H 10 Z M 40 50 L 60 50"/>'
    '<circle cx="50" cy="50" r="20"/></svg>'
)

DOUBLED = '<g id="g0"><circle r="1"/></g>' + ''.join(
    f'<g id="g{i}"><use href="#g{i - 1}"/><use href="#g{i - 1}"/></g>' for i in range(1, 40)
)
"""Forty groups, each of which shows the one before it twice."""


def test_an_svg_has_a_stroke_for_each_move_of_the_pen_and_its_y_points_up(tmp_path):
    pytest.importorskip('svgelements')
    path = tmp_path / 'square.svg'
    path.write_text(SQUARE)
    square, dash, circle = read_curves(path)
    np.testing.assert_allclose(square[0], [10, -10], atol=1e-6)
    np.testing.assert_allclose(square[-1], [10, -10], atol=1e-6)
    assert set(np.round(np.ptp(square, axis=0))) == {80}
    np.testing.assert_allclose(dash[[0, -1]], [[40, -50], [60, -50]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(circle - [50, -50], axis=1), 20, atol=0.05)


def test_csv_and_npz_hold_examples(tmp_path):
    line = np.column_stack([np.linspace(0, 4, 9), np.linspace(0, 2, 9)])
    table = np.vstack([np.column_stack([np.full(9, k), line + k]) for k in range(3)])
    np.savetxt(tmp_path / 'lines.csv', table, delimiter=',', header='curve,x,y', comments='')
    np.savez(tmp_path / 'lines.npz', np.stack([line, line + 1]), other=line)
    for name in ('lines.csv', 'lines.npz'):
        strokes = read_examples(tmp_path / name)
        assert strokes.num_strokes == 3
        assert strokes.scale == pytest.approx(4.0)
        np.testing.assert_allclose(strokes.positions[:, -1], [[1.0, 0.5]] * 3)


@pytest.mark.parametrize(
    ('name', 'text', 'complaint'),
    [
        ('a.csv', 'x,y\n1,2\n3,oops\n', 'a.csv:3: not numbers'),
        ('a.csv', '1,2,3,4\n', 'rows of'),
        ('a.npz', 'not a zip', 'no NPZ'),
        ('a.svg', '<svg xmlns="http://www.w3.org/2000/svg"></svg>', 'no curve'),
        ('a.txt', '', 'known: '),
        ('a.csv', '1,2\n3,inf\n', 'not finite'),
        ('a.csv', '1,2\n3,1e300\n', 'farther'),
        ('a.csv', '\n'.join(f'{i},0,0' for i in range(1001)), 'at most 1000'),
        ('a.svg', '<!DOCTYPE x [<!ENTITY a "b">]><svg/>', 'entities'),
        ('a.svg', f'<svg>{"<g>" * 6000}{"</g>" * 6000}</svg>', 'more than 5000'),
        ('a.svg', f'<svg><path d="M 0 0 {"L 1 1 " * 6000}"/></svg>', 'more than 5000'),
        ('a.svg', f'<svg><path d="M 0 0 {"1 1 " * 6000}"/></svg>', 'more than 5000'),
        ('a.svg', '<svg><g id="a"/>' + '<use href="#a"/>' * 6000 + '</svg>', 'more than 5000'),
        ('a.svg', f'<svg>{DOUBLED}</svg>', 'more than 5000'),
        ('a.svg', '<svg><g id="a"><use href="#a"/></g></svg>', 'shows itself'),
        ('a.svg', '<svg><path d="M 0 0 L 1e400 1"/></svg>', 'not finite|no SVG'),
    ],
)
def test_files_without_strokes_are_refused_by_name(tmp_path, name, text, complaint):
    (tmp_path / name).write_text(text)
    with pytest.raises(StrokeError, match=complaint):
        read_curves(tmp_path / name)
    with pytest.raises(StrokeError, match='no such file'):
        read_curves(tmp_path / 'nowhere.svg')


def drawn(start, stamp, number=40):
    """A pen that draws a line of `number` points, 50 a second, from a place and a time."""
    for k in range(number):
        yield stamp + 0.02 * k, np.array([start[0] + 0.004 * k, start[1], 0.0])


def test_strokes_end_with_a_gap_a_rest_or_a_lift():
    splitter = StrokeSplitter(pause=0.3, max_height=0.02)
    for stamp, place in drawn((0.0, 0.0), 0.0):
        splitter.add(stamp, place)
    for stamp, place in drawn((0.0, 0.1), 5.0):  # after a gap
        splitter.add(stamp, place)
    for k in range(40):  # at rest
        splitter.add(5.8 + 0.02 * k, np.array([0.156, 0.1, 0.0]))
    for stamp, place in drawn((0.156, 0.1), 6.6):
        splitter.add(stamp, place)
    splitter.add(7.42, np.array([0.3, 0.1, 0.05]))  # lifted
    splitter.add(7.44, np.array([np.nan, 0.1, 0.0]))
    for stamp, place in drawn((0.0, 0.3), 7.5):
        splitter.add(stamp, place)
    strokes = splitter.finish()
    assert len(strokes) == 4
    for stroke in strokes:
        assert np.ptp(stroke[:, 0]) == pytest.approx(0.156, abs=0.006)


def test_a_csv_that_is_no_text_is_refused(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(StrokeError, match='no text'):
        read_curves(tmp_path / 'a.csv')
