"""Teaching: names, files, markers, self-tests; and what is taught acts and is kept."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, LibraryError
from concept_control.language.expression import RESERVED, ById, Term, parse
from concept_control.language.grounding import ground
from concept_control.language.library import ConceptLibrary, check_name
from concept_control.language.library_store import load, load_all, save
from concept_control.teaching.segmenter import Segmenter
from concept_control.teaching.teach import teach, usage_of
from concept_control.world.demonstrations import FIELDS, demonstration, join, read_npz
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


@pytest.fixture(scope='module')
def halfway(model):
    """The word "between" under a name nobody knows."""
    return teach(model, 'halfway', join([vocabulary()['between'].demonstrations(3)]))


def write_npz(path, events, **changes):
    arrays = {name: getattr(events, name).numpy() for name in FIELDS} | changes
    np.savez(path, **arrays)
    return path


@given(st.text(max_size=50))
@example('not _')
@example('2.0*_')
def test_a_name_is_taken_exactly_where_expressions_can_use_it(name):
    try:
        is_usable = parse(f'{name}(#1)') == Term(name, (ById(1),)) and len(name) <= 40
    except ConceptControlError:
        is_usable = False
    try:
        check_name(name, replace=True)
    except LibraryError:
        assert not is_usable
    else:
        assert is_usable


def test_names_that_are_taken_are_refused_unless_replaced():
    for name, complaint in (('red', 'shipped'), ('mine', 'taught before')):
        with pytest.raises(LibraryError, match=complaint):
            check_name(name, ['mine'])
        check_name(name, ['mine'], replace=True)
    for name in RESERVED:
        with pytest.raises(LibraryError, match='command language'):
            check_name(name, replace=True)


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


@pytest.mark.parametrize('name', ['between', 'line', 'red'])
def test_a_demonstration_that_does_not_fit_is_named(model, name):
    word = vocabulary()[name]
    shown = join([word.demonstrations(3)])
    rng = np.random.default_rng(4)
    odd = shown[2]
    if word.acts:
        # The subjects go somewhere the predicate does not like.
        while True:
            places = torch.as_tensor(rng.uniform(-0.9, 0.9, odd.positions[:, 0].shape)).float()
            after = torch.where(odd.subjects[..., None], places, odd.positions[:, 0])
            if word.error(odd.with_outcome(after))[0] > 0.4:
                break
        odd = odd.with_outcome(after)
    else:
        # The others are pointed at.
        wrong = (~(odd.attention > 0.5) & odd.present).float()
        odd = Events(odd.positions, odd.colors, odd.sizes, odd.present, odd.subjects, wrong)
    mixed = join([shown[[0, 1]], odd, shown[[3, 4]]])
    _, test = teach(model, 'mine', mixed)
    assert test.agrees is False and test.outlier == 2
    assert 'number 3 does not fit' in test.text


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


def test_a_saved_concept_is_the_same_after_a_restart(model, halfway, tmp_path):
    concept, _ = halfway
    path = save(tmp_path, concept)
    again = load(path, model)
    assert torch.equal(again.code.stacked(), concept.code.stacked())
    for name in ('name', 'signature', 'energy', 'self_test', 'demonstrations_hash', 'model'):
        assert getattr(again, name) == getattr(concept, name)
    assert [c.name for c in load_all(tmp_path, model)] == ['halfway']
    assert read_npz(path).num_events == 5  # it is a file of demonstrations too


def test_for_another_model_a_concept_is_inferred_again(model, halfway, tmp_path):
    concept, _ = halfway
    path = save(tmp_path, replace(concept, model='another', code=replace(concept.code)))
    again = load(path, model)
    assert again.model == model.fingerprint and 'with the model another' in again.self_test
    assert again.energy == pytest.approx(concept.energy, rel=1e-3)


def test_files_that_were_changed_are_left_out_and_the_others_are_not(model, halfway, tmp_path):
    concept, _ = halfway
    path = save(tmp_path, concept)
    with np.load(path) as file:
        arrays = dict(file)
    arrays['positions'] = arrays['positions'] + 0.01
    np.savez(tmp_path / 'changed.npz', **arrays)
    np.savez(tmp_path / 'other.npz', **{**arrays, 'positions': arrays['positions'] - 0.01})
    (tmp_path / 'noise.npz').write_bytes(b'PK\x03\x04 no zip')
    found = list(load_all(tmp_path, model))
    texts = ' '.join(one for one in found if isinstance(one, str))
    assert [one.name for one in found if not isinstance(one, str)] == ['halfway']
    for complaint in ('no NPZ file', 'named after it'):
        assert complaint in texts


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_npz_files_are_refused_and_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp('npz') / 'shown.npz'
    write_npz(path, vocabulary()['near'].demonstrations(0, 2))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(content) - 1))
        content[index] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        events = read_npz(path)
    except ConceptControlError:
        return
    assert torch.isfinite(events.positions).all()


def test_files_of_the_wrong_kind_are_refused_in_words(tmp_path):
    shown = vocabulary()['near'].demonstrations(0, 2)
    bomb = tmp_path / 'bomb.npz'
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('positions.npy', bytes(100_000_000))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / 'pickled.npz', 'w') as archive:
        archive.writestr('positions.npy', pickled.getvalue())
        archive.writestr('colors.npy', pickled.getvalue())
    np.savez(tmp_path / 'empty.npz')
    write_npz(tmp_path / 'nan.npz', shown, positions=np.full((2, 2, 8, 2), np.nan))
    write_npz(tmp_path / 'shape.npz', shown, colors=np.zeros((2, 3, 3)))
    for name, complaint in {
        'bomb': 'unpacks to 100 MB',
        'pickled': 'no NPZ file of arrays',
        'empty': 'lacks positions, colors',
        'nan': 'NaN or infinity',
        'shape': 'colors have shape',
        'nowhere': 'there is no file',
    }.items():
        with pytest.raises(ConceptControlError, match=complaint):
            read_npz(tmp_path / f'{name}.npz')


COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2]])


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


def test_what_was_not_seen_cannot_be_demonstrated():
    with pytest.raises(ConceptControlError, match=r'\[3\] were not seen'):
        demonstration(table([0, 0], [1, 0], [0, 1]), table([0, 0], [1, 0]), [3], [1])
    with pytest.raises(ConceptControlError, match='nothing moved and nothing is said'):
        demonstration(table([0, 0], [1, 0]), table([0, 0], [1, 0]), [], [])
