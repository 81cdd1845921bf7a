"""The shipped model and a library of a few of its words, learned once."""

import pytest

import concept_control as cc
from concept_control.concepts.vocabulary import vocabulary
from concept_control.language.library import ConceptLibrary, LibraryConcept, hash_events
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.demonstrations import join

WORDS = (*NAMED_COLORS, 'between', 'near', 'far', 'left_of', 'square', 'closest')


@pytest.fixture(scope='session')
def model():
    return cc.ConceptModel.load()


@pytest.fixture(scope='session')
def library(model):
    return ConceptLibrary.learn(model, WORDS)


@pytest.fixture(scope='module')
def halfway(model):
    """The word "between" under a name nobody knows."""
    shown = join([vocabulary()['between'].demonstrations(3)])
    code = model.infer(shown)
    return LibraryConcept(
        name='halfway',
        description='taught by 5 demonstrations',
        code=code,
        selects=False,
        acts=True,
        subjects=(1, 1),
        arguments=(2, 2),
        num_demonstrations=5,
        energy=float(model.energy(shown, code).mean()),
        source='taught',
        model=model.fingerprint,
        demonstrations_hash=hash_events(shown),
        demonstrations=shown,
        by_appearance=False,
        self_test='these 5 demonstrations agree',
    )
