"""Options of a training run come back from JSON, and nonsense is refused."""

import json

import pytest

from concept_control.errors import ModelError
from concept_control.training.config import TrainingConfig


def test_configurations_come_back_and_nonsense_is_refused(tiny):
    assert TrainingConfig.from_dict(json.loads(json.dumps(tiny.to_dict()))) == tiny
    with pytest.raises(ModelError, match='unknown training options'):
        TrainingConfig.from_dict({'learning_speed': 1})
    with pytest.raises(ModelError, match='expected one of distance'):
        TrainingConfig(objective='magic')
