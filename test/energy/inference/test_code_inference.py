"""Code inference with the shipped model: what the refinement keeps, changes and ignores."""

import numpy as np
import pytest
import torch

from concept_control.concepts import families, vocabulary
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.training.report import judge_family

WORDS = vocabulary()


def test_the_order_of_demonstrations_does_not_matter(model):
    shown = WORDS['between'].demonstrations(seed=3)
    code, other = model.infer(shown), model.infer(shown[torch.tensor([4, 1, 0, 3, 2])])
    torch.testing.assert_close(other.stacked(), code.stacked(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', ['near', 'red'])
def test_refinement_keeps_what_it_does_not_improve(model, name):
    shown = WORDS[name].demonstrations(seed=3)
    guess = model.infer(shown, config=InferenceConfig(method='encoder'))
    code = model.infer(shown, config=InferenceConfig(method='both', good_argument=0.1))
    gain = InferenceConfig().gain
    for half in ('action', 'argument'):
        before = code.info[f'{half}_loss_of_guess']
        after = code.info.get(f'{half}_loss_of_refined', before)
        assert (after < before - gain) != torch.equal(getattr(code, half), getattr(guess, half))


@pytest.mark.parametrize(('name', 'what'), [('corner', 'generated'), ('odd_color', 'identified')])
def test_refinement_finds_concepts_unlike_those_of_the_training(model, name, what):
    def rate(method):
        scores = judge_family(
            model.network,
            model.encoder,
            families()[name],
            np.random.default_rng(0),
            num_concepts=12,
            inference=InferenceConfig(method=method),
        )
        return np.mean(getattr(scores, what))

    assert rate('both') >= rate('encoder') + 0.2


def test_an_argument_that_fits_is_left_alone(model):
    shown = WORDS['red'].demonstrations(seed=3)
    guess = model.infer(shown, config=InferenceConfig(method='encoder'))
    assert torch.equal(model.infer(shown).argument, guess.argument)
