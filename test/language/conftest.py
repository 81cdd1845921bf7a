"""The shipped model and a library of a few of its words, learned once."""

import pytest

import concept_control as cc
from concept_control.language.library import ConceptLibrary
from concept_control.world.colors import NAMED_COLORS

WORDS = (*NAMED_COLORS, 'between', 'near', 'far', 'square', 'closest')


@pytest.fixture(scope='session')
def model():
    return cc.ConceptModel.load()


@pytest.fixture(scope='session')
def library(model):
    return ConceptLibrary.learn(model, WORDS)
