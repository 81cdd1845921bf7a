"""Shipped words are inferred once, and again when what they came from differs."""

import json

import numpy as np
import pytest

from concept_control.language import kept_words
from concept_control.language.kept_words import FILE, learn_words

NAMES = ['between', 'red', 'square']


@pytest.fixture
def inferred(monkeypatch):
    """Names of the words that are inferred from now on."""
    names = []
    learn = kept_words.learn_concept

    def counted(model, word, *args):
        names.append(word.name)
        return learn(model, word, *args)

    monkeypatch.setattr(kept_words, 'learn_concept', counted)
    return names


def test_words_are_inferred_once(model, tmp_path, inferred):
    first = learn_words(model, tmp_path, NAMES)
    again = learn_words(model, tmp_path, [*NAMES, 'near'])
    assert inferred == [*NAMES, 'near']
    for name in NAMES:
        one, other = first.get(name), again.get(name)
        assert np.array_equal(one.code.to_array(), other.code.to_array())
        assert (one.by_appearance, one.sentences) == (other.by_appearance, other.sentences)
        assert other.energy == pytest.approx(one.energy) and other.demonstrations is not None


@pytest.fixture(scope='module')
def kept(model, tmp_path_factory):
    """A file that keeps one word."""
    folder = tmp_path_factory.mktemp('kept')
    learn_words(model, folder, ['red'])
    return folder / FILE


@pytest.mark.parametrize('change', ['digest', 'code', 'file', 'demonstrations', 'folder'])
def test_they_are_inferred_again_where_anything_differs(model, kept, tmp_path, inferred, change):
    path, count = tmp_path / FILE, 5
    values = json.loads(kept.read_text())
    if change == 'digest':
        values['digest'] = '0'
    elif change == 'code':
        values['words']['red']['code']['schema'] = 99
    elif change == 'demonstrations':
        count = 4
    path.write_text('{' if change == 'file' else json.dumps(values))
    folder = path / 'no folder' if change == 'folder' else tmp_path
    assert learn_words(model, folder, ['red'], count).get('red').num_demonstrations == count
    assert inferred == ['red']
