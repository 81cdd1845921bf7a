"""Options of a training run come back from JSON, and nonsense is refused."""

import json
from dataclasses import asdict

import pytest

from concept_control.errors import ModelError
from concept_control.training.config import TrainingConfig


@pytest.mark.parametrize(
    ('change', 'reason'),
    [({'learning_speed': 1}, 'unknown .*learning_speed'), ({'objective': 'magic'}, "'distance'")],
)
def test_configurations_come_back_and_nonsense_is_refused(change, reason, tiny, tmp_path):
    path = tmp_path / 'options.json'
    path.write_text(json.dumps(asdict(tiny)))
    assert TrainingConfig.load(path) == tiny
    path.write_text(json.dumps(asdict(tiny) | change))
    with pytest.raises(ModelError, match=reason):
        TrainingConfig.load(path)
