"""Meta-training: it learns, resumes exactly, reports honestly, refuses nonsense."""

import argparse
import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from concept_control.cli import train as train_command
from concept_control.concepts import families
from concept_control.energy.model import ENERGIES, ConceptModel
from concept_control.energy.networks.energy_network import NetworkConfig
from concept_control.energy.storage import SHIPPED_MODEL
from concept_control.errors import ModelError
from concept_control.training.config import TrainingConfig
from concept_control.training.processes import Processes
from concept_control.training.report import FamilyScores
from concept_control.training.train import Trainer, collapse_warnings


@pytest.mark.parametrize('optimiser', ['muon', 'adamw'])
def test_every_parameter_has_one_optimiser(optimiser, tiny, tmp_path):
    trainer = Trainer(replace(tiny, optimiser=optimiser), families(), tmp_path)
    groups = [group for each in trainer.optimisers for group in each.param_groups]
    updated = [id(p) for group in groups for p in group['params']]
    assert sorted(updated) == sorted(id(p) for p in trainer.learner.parameters())
    assert len(trainer.optimisers) == (2 if optimiser == 'muon' else 1)


def test_a_run_repeats_and_resumes_exactly(tiny, trained, tmp_path):
    whole, _ = trained
    # The schedule is that of eight steps; the run is stopped after four.
    stopped = Trainer(tiny, families(), tmp_path / 'part')
    while stopped.step < 4:
        stopped.advance()
    stopped.save_checkpoint()
    resumed = Trainer.resume(families(), tmp_path / 'part')
    assert resumed.step == 4
    resumed.run(on_report=lambda text: None)
    for name, value in whole.learner.state_dict().items():
        assert torch.equal(value, resumed.learner.state_dict()[name]), name


def test_what_was_trained_can_be_loaded(trained, tmp_path):
    trainer, reports = trained
    trainer.save_model(reports, tmp_path / 'model')
    model = ConceptModel.load(tmp_path / 'model', energy='network')
    assert model.card['families'] == ['between', 'color', 'place']
    assert set(model.card['metrics']['families']) == {'between', 'color', 'place'}
    assert model.card['training']['seed'] == 0
    page = (tmp_path / 'model' / 'MODEL_CARD.md').read_text()
    assert model.card['sha256'] in page and '| between |' in page


def test_learning_place_takes_seconds(tmp_path):
    """With privileged codes the energy finds "be at (x, y)" in a few dozen steps."""
    config = TrainingConfig(
        families=('place',),
        network=NetworkConfig(hidden=24, head_width=48, encoder_width=64),
        steps=70,
        epoch_steps=71,  # no new pool after the last step
        concepts_per_step=24,
        pool_size=60,
        oracle_share=1.0,
        learning_rate=2e-3,
        warmup_steps=10,
        evaluation_concepts=2,
        first_floor=0.1,
        last_floor=0.1,
    )
    trainer = Trainer(config, families(), tmp_path)
    losses = []
    for _ in range(config.steps):
        trainer.averages = {}
        trainer.advance()
        losses.append(trainer.averages['outcome'])
    assert np.mean(losses[-10:]) < 0.35 * np.mean(losses[:5])


def test_a_collapse_is_named():
    flat = FamilyScores(data=1e-4, sample=1e-4, random=1.2e-4).summary()
    fine = FamilyScores(data=1e-3, sample=1e-4, random=0.5).summary()
    assert 'flat' in collapse_warnings({'flat': flat, 'fine': fine})[0]
    assert collapse_warnings({'fine': fine}) == []


def test_families_and_checkpoints_that_are_not_there_are_refused(tiny, tmp_path):
    with pytest.raises(ModelError, match='no families nonsense'):
        Trainer(TrainingConfig(families=('nonsense',)), families(), tmp_path)
    with pytest.raises(ModelError, match='no checkpoint'):
        Trainer.resume(families(), tmp_path / 'nowhere')


def test_the_command_trains_saves_and_reports(tiny, tmp_path):
    config = tmp_path / 'config.json'
    config.write_text(json.dumps({**asdict(tiny), 'steps': 2}))
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    arguments = ['--config', str(config), '--output', str(tmp_path / 'run')]
    arguments += ['--part', 'network', '--json']
    numbers = tmp_path / 'numbers.json'
    assert train_command.main(parser.parse_args([*arguments, str(numbers)])) == 0
    assert set(json.loads(numbers.read_text())) == {'place', 'between', 'color'}
    assert ConceptModel.load(tmp_path / 'run', energy='network').card['steps'] == 2
    # What was trained before stays, and completes the model.
    for name in ('rule_prior.json', 'rule_prior.safetensors', 'confidence.json'):
        shutil.copy(SHIPPED_MODEL / name, tmp_path / 'run')
    rest = ['--output', str(tmp_path / 'run'), '--rule-prior', '--resume']
    assert train_command.main(parser.parse_args(rest)) == 0
    for energy in ENERGIES:
        ConceptModel.load(tmp_path / 'run', energy=energy)
    timed = parser.parse_args(['--config', str(config), '--minutes', '3'])
    config = train_command._make_trainer(timed, Processes()).config
    assert (config.minutes, config.steps) == (3.0, None), 'minutes instead of steps'
    with pytest.raises(ModelError, match='there are no families nonsense'):
        train_command.main(parser.parse_args([*arguments, 'x', '--families', 'nonsense']))
