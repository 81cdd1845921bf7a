"""The shipped model, loaded once."""

import pytest

from concept_control.energy.model import ConceptModel


@pytest.fixture(scope='session')
def model():
    return ConceptModel.load()
