"""A training run of eight steps, small enough for a test."""

import pytest

from concept_control.concepts import families
from concept_control.training.config import TrainingConfig
from concept_control.training.train import Trainer


@pytest.fixture(scope='session')
def tiny(small_config):
    return TrainingConfig(
        families=('place', 'between', 'color'),
        network=small_config,
        steps=8,
        epoch_steps=4,
        concepts_per_step=6,
        pool_size=8,
        num_demonstrations=5,
        warmup_steps=2,
        oracle_share=0.3,
        evaluation_concepts=2,
    )


@pytest.fixture(scope='session')
def trained(tiny, tmp_path_factory):
    """A trainer at the end of its run and the reports it made; not to be changed."""
    trainer = Trainer(tiny, families(), tmp_path_factory.mktemp('trained'))
    return trainer, trainer.run(on_report=lambda text: None)
