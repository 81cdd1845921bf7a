"""Teaching: what is taught acts, and its use is read off the demonstrations."""

import numpy as np
import pytest
import torch

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.errors import LibraryError
from concept_control.language.arrange import arrange
from concept_control.language.expression import parse
from concept_control.language.grounding import ground
from concept_control.language.judge import Judge
from concept_control.language.library import ConceptLibrary
from concept_control.teaching.teach import teach, usage_of
from concept_control.world.demonstrations import join, read_npz
from concept_control.world.tabletop import Tabletop


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


@pytest.fixture(scope='module')
def halfway(model):
    """The word "between" under a name nobody knows."""
    return teach(model, 'halfway', join([vocabulary()['between'].demonstrations(3)]))


def test_what_is_taught_acts_in_expressions_and_the_predicate_agrees(model, halfway):
    concept, test = halfway
    assert test.agrees and test.outlier is None and test.generated == (5, 5)
    assert concept.signature == 'halfway(subject; argument, argument)'
    library = ConceptLibrary.learn(model, ['red', 'blue', 'green'])
    library.add(concept)
    colors = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2], [0.9, 0.8, 0.1]])
    word = vocabulary()['between']
    good = 0
    for seed in range(5):
        places = np.random.default_rng(seed).uniform(-0.85, 0.85, (4, 2))
        scene = Tabletop((1, 2, 3, 4), places, colors, np.full(4, 0.167))
        grounded = ground(parse('halfway(red; blue, green)'), scene, model, library)
        assert [roles[1:] for roles in grounded.roles] == [((1,), (2, 3))]
        events = scene.events(scene.mask([1]), scene.mask([2, 3]))
        good += bool(word.holds(model.generate(events, concept.code))[0])
    assert good == 5


def test_how_a_concept_may_be_used_is_read_off_its_demonstrations():
    words = vocabulary()
    for name, acts, subjects, arguments in (
        ('between', True, (1, 1), (2, 2)),
        ('near', True, (1, 1), (1, 1)),
        ('red', False, (0, 0), (0, None)),
        ('closest', False, (1, 1), (0, None)),
    ):
        usage = usage_of(join([words[name].demonstrations(0)]))
        assert (usage.acts, usage.selects) == (acts, not acts), name
        assert usage.subjects == subjects and usage.arguments == arguments, name
    shape = usage_of(join([words['square'].demonstrations(0)]))
    assert shape.acts and shape.arguments == (0, 0) and shape.subjects[1] is None
    with pytest.raises(LibraryError, match='cannot act'):
        usage_of(join([words['red'].demonstrations(0)]), 'acts')
    with pytest.raises(LibraryError, match='one of the ways'):
        usage_of(join([words['red'].demonstrations(0)]), 'flies')


def test_a_tower_shown_once_is_built_of_other_blocks(model, tmp_path):
    shown = vocabulary()['tower'].demonstrations(1, 20)
    three = shown[[int((shown.subjects.sum(dim=1) == 3).nonzero()[0, 0])]]
    sides = torch.cat([three.sides, three.heights.unsqueeze(-1)], dim=-1)
    path, notes = tmp_path / 'shown.npz', []
    np.savez(path, positions=three.centers, colors=three.colors, sizes=sides,
             present=three.present)  # fmt: skip
    # That all three are meant, also the lowest that stayed, is seen by what carries what.
    shown = read_npz(path, notes)
    assert torch.equal(shown.attention > 0, three.attention > 0) and 'pile' in ' '.join(notes)
    assert torch.equal(shown.subjects, three.subjects)
    concept, _ = teach(model, 'pile', shown)
    assert any('faces' in sentence for sentence in concept.sentences)
    library = ConceptLibrary()
    library.add(concept)
    for count in range(2, 7):
        rng = np.random.default_rng(count)
        places = np.stack(np.meshgrid([-0.6, 0.0, 0.6], [-0.4, 0.4]), axis=-1).reshape(-1, 2)
        scene = Tabletop(tuple(range(1, count + 1)), places[:count], rng.random((count, 3)),
                         rng.uniform(0.12, 0.24, count))  # fmt: skip
        found = arrange('pile(all)', scene, model, library)
        assert Judge(parse('tower(all)'), scene, 0.04)(found.scene).holds, count
        assert np.count_nonzero(found.goal.target_bottoms) == count - 1
