import numpy as np
from matplotlib.figure import Figure

from concept_control.reports import page


def figure():
    drawn = Figure(figsize=(1, 1))
    drawn.add_subplot().plot([0, 1])
    return drawn


def test_a_page_holds_its_blocks_in_order_and_fetches_nothing(tmp_path):
    path = tmp_path / 'new' / 'page.html'
    blocks = [
        page.heading('first'),
        page.paragraph('off by 3 mm', verdict='does not hold', is_good=False),
        page.picture(figure()),
        page.plot(figure()),
        page.filmstrip([('0.5 s', np.zeros((4, 6, 3), np.uint8))]),
        page.table(('name', 'error'), [('a', 1), ('b', 2)]),
    ]
    page.write_page(path, 'Report', blocks, provenance='yesterday, commit abc')
    text = path.read_text()
    marks = ['<h1>Report', 'commit abc', '<h2>first', 'class="no">does not hold', 'image/png',
             '<svg', '0.5 s', '<th>error']  # fmt: skip
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert text.count('<tr>') == 3
    assert 'src="http' not in text and '<link' not in text and '<script' not in text


def test_texts_are_escaped():
    for block in (
        page.heading('a < b & c'),
        page.paragraph('a < b & c', verdict='a < b & c'),
        page.table(['a < b & c'], [['a < b & c']]),
    ):
        assert 'a < b' not in block and 'a &lt; b &amp; c' in block


def test_a_plot_is_the_same_each_time():
    assert page.plot(figure()) == page.plot(figure())
