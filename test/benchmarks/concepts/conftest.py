"""A model whose encoder alone infers: these tests are about the protocols, not about codes."""

from functools import partial

import pytest

import concept_control as cc
from concept_control.energy.inference.code_inference import InferenceConfig


@pytest.fixture(scope='session')
def hasty_model():
    model = cc.ConceptModel.load()
    model.infer = partial(model.infer, config=InferenceConfig(method='encoder'))
    return model
