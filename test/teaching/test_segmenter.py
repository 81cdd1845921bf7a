"""Markers: what a person says meanwhile cuts what is watched into demonstrations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, LibraryError
from concept_control.language.library import ConceptLibrary
from concept_control.teaching.segmenter import Segmenter
from concept_control.world.tabletop import Tabletop

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2]])


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


def table(*places):
    ids = tuple(range(1, len(places) + 1))
    return Tabletop(
        ids, np.array(places, float), COLORS[: len(places)], np.full(len(places), 0.16)
    )


def test_markers_cut_out_demonstrations(model):
    segmenter = Segmenter(model, ConceptLibrary.learn(model, ['red', 'blue', 'green']))
    before, after = table([0, 0], [0.5, 0], [0, 0.5]), table([0.5, 0.5], [0.5, 0], [0, 0.5])
    segmenter.mark('begin corner', before)
    segmenter.mark('end', after)
    segmenter.mark('begin corner(red; blue)', before)
    segmenter.mark('end', after)
    segmenter.mark('begin corner(blue, green)', before)
    segmenter.mark('end', before)
    finished = segmenter.mark('learn', after)
    masks = [
        (e.subjects[0].int().tolist(), e.attention[0].int().tolist())
        for e in finished.demonstrations
    ]
    assert finished.name == 'corner'
    assert masks == [
        ([1, 0, 0], [0, 1, 1]),  # what moved; everything else
        ([1, 0, 0], [0, 1, 0]),  # as was said
        ([0, 0, 0], [0, 1, 1]),  # nothing moved: what was pointed at
    ]
    for text, complaint in (
        ('end', 'without a "begin NAME"'),
        ('learn', 'without a demonstration'),
        ('start corner', 'no marker'),
        ('begin a b', 'cannot be a name'),
        ('begin', 'cannot be a name'),
        ('begin and', 'command language'),
        ('begin a(b', 'expected'),
    ):
        with pytest.raises(LibraryError, match=complaint):
            segmenter.mark(text, before)
    segmenter.mark('begin corner', before)
    segmenter.mark('end', after)
    with pytest.raises(LibraryError, match='not learned from'):
        segmenter.mark('begin other', before)
    segmenter.mark('discard', before)
    segmenter.mark('begin other', before)


MARKS = st.sampled_from(['begin a', 'begin a(#1; #2)', 'end', 'learn', 'discard'])


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.one_of(MARKS, st.text(max_size=30)), max_size=6))
def test_any_words_in_any_order_leave_the_markers_usable(model, texts):
    segmenter = Segmenter(model, ConceptLibrary())
    for text in texts:
        try:
            segmenter.mark(text, table([0, 0], [0.5, 0.1]))
        except ConceptControlError:
            continue
    segmenter.mark('discard', table([0, 0]))
    segmenter.mark('begin b', table([0, 0], [0.5, 0.1]))
    segmenter.mark('end', table([0.3, 0], [0.5, 0.1]))
    assert segmenter.mark('learn', table([0, 0])).name == 'b'
