"""Cards of policies: what is wrong with them is said in one line, before memory is taken."""

import json
import shutil

import numpy as np
import pytest

from concept_control.errors import ModelError
from concept_control.model_files import write_card
from concept_control.policy.model import SHIPPED_POLICIES, load_policy


@pytest.fixture
def card(tmp_path):
    """Card of a policy that may be damaged."""
    for suffix in ('.json', '.safetensors'):
        shutil.copy(SHIPPED_POLICIES / f'circle{suffix}', tmp_path)
    return tmp_path / 'circle.json'


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'step_length': 'abc'}, 'step_length: .*number.*abc'),
        ({'step_length': float('inf')}, 'finite'),
        ({'step_length': 0.0}, 'step_length'),
        ({'num_steps': 10**9}, 'num_steps'),
        ({'num_steps': 10**400}, '64 bits'),
        ({'center': [1.0]}, 'center'),
        ({'first_steps': 'all'}, 'first_steps'),
        ({'first_steps': [[1.0, 2.0, 3.0]]}, 'first_steps'),
        ({'name': None}, 'name'),
        ({'schema': {'a': 'x' * 9999}}, 'schema'),
        ({'network': 'big'}, 'expected a mapping'),
        ({'network': {'hidden': 10**9}}, 'hidden is 1000000000'),
        ({'network': {'hidden': 4096, 'z_dim': 4096}}, 'has shape'),
        ({'network': {'state_depth': 4000}}, 'lacks the tensor'),
        ({'network': {'is_coded': True}}, 'has shape|lacks|no use'),
    ],
)
def test_a_damaged_card_is_refused_in_one_line(card, changes, why):
    write_card(card, json.loads(card.read_text()) | changes)
    with pytest.raises(ModelError, match=why) as caught:
        load_policy(card)
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 600


def test_a_step_that_was_changed_by_hand_is_noticed(card):
    card.write_text(json.dumps(json.loads(card.read_text()) | {'step_length': 0.5}))
    with pytest.raises(ModelError, match='was changed since it was written'):
        load_policy(card)


def test_a_card_without_its_facts_and_that_of_codes_are_no_policies_of_a_figure(card):
    with pytest.raises(ModelError, match='Field required'):
        load_policy(SHIPPED_POLICIES / 'any.json')
    any_card = json.loads((SHIPPED_POLICIES / 'any.json').read_text())
    shutil.copy(SHIPPED_POLICIES / 'any.safetensors', card.with_suffix('.safetensors'))
    write_card(card, json.loads(card.read_text()) | any_card)
    with pytest.raises(ModelError, match='for codes'):
        load_policy(card)
    assert np.isfinite(load_policy('circle').rollout(num_steps=2)).all()
