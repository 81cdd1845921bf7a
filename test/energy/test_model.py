"""The shipped model, in closed loop with the particle world's predicates as the judge."""

import numpy as np
import pytest
import torch

import concept_control as cc
from concept_control.concepts import vocabulary
from concept_control.concepts.registry import stacking_families
from concept_control.concepts.vocabulary import named_concept
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.errors import CodeError, EventError, ModelError

WORDS = vocabulary()
COLORS = ('red', 'green', 'blue', 'yellow', 'cyan', 'magenta', 'orange', 'white')


def test_between_is_generated_where_it_holds(model, codes):
    scenes = WORDS['between'].demonstrations(seed=50, count=24)
    moved = model.generate(scenes, codes['between'], seed=1)
    errors = WORDS['between'].error(moved)
    assert np.median(errors) <= 0.02
    assert errors.max() <= 0.0625
    still = ~scenes.subjects
    assert torch.equal(moved.positions[:, 1][still], scenes.positions[:, 0][still])


@pytest.mark.parametrize('name', ['left_of', 'near', 'far'])
def test_relations_are_generated(model, codes, name):
    moved = model.generate(WORDS[name].demonstrations(seed=50, count=20), codes[name])
    assert WORDS[name].holds(moved).mean() >= 0.95


def test_colors_are_identified(model, codes):
    right = []
    for name in COLORS:
        scenes = WORDS[name].demonstrations(seed=60, count=12)
        found = model.identify(scenes.without_attention(), codes[name]).numpy() > 0.5
        right.extend((found == WORDS[name].true_attention(scenes)).all(axis=1))
    assert np.mean(right) >= 0.85


def test_identification_ignores_the_attention_given(model, codes):
    scenes = WORDS['red'].demonstrations(seed=61, count=4)
    other = scenes.without_attention()
    assert torch.equal(model.identify(scenes, codes['red']), model.identify(other, codes['red']))


def test_recognition_tells_concepts_apart(model, codes):
    names = ('between', 'near', 'red', 'blue')
    chosen = []
    for index, name in enumerate(names):
        events = WORDS[name].demonstrations(seed=70, count=10)
        picked = model.recognise(events, [codes[n] for n in names])
        chosen.extend((picked == index).tolist())
    assert np.mean(chosen) >= 0.8


def test_operations_repeat_with_their_seed(model):
    shown = WORDS['between'].demonstrations(seed=3)
    scenes = WORDS['between'].demonstrations(seed=4, count=2)
    first, second = (model.infer(shown, seed=5) for _ in range(2))
    assert np.array_equal(first.to_array(), second.to_array())
    runs = [model.generate(scenes, first, seed=7).positions for _ in range(2)]
    assert torch.equal(*runs)


def test_misuse_is_refused(model, network_model, codes):
    scenes = WORDS['between'].demonstrations(seed=4, count=2)
    bare = cc.Events(scenes.positions, scenes.colors)
    with pytest.raises(EventError, match='neither subjects nor attention'):
        model.infer(bare)
    with pytest.raises(EventError, match='scene 0 has no subject'):
        model.generate(bare, codes['between'])
    short = cc.ConceptCode(torch.ones(4), torch.ones(4))
    for use in (model.energy, model.identify, model.generate):
        with pytest.raises(CodeError, match='for the network alone'):
            use(scenes, short)
    with pytest.raises(CodeError, match='which expects 16'):
        network_model.energy(scenes, short)
    with pytest.raises(CodeError, match='cannot say what its codes mean'):
        network_model.explain(short)
    with pytest.raises(ModelError, match='expected one of agreement, network, both'):
        cc.ConceptModel.load(energy='guess')
    with pytest.raises(CodeError, match='no code to choose from'):
        model.recognise(scenes, [])
    with pytest.raises(CodeError, match='inference method'):
        InferenceConfig(method='guess')


@pytest.mark.parametrize('shots', [5, 1])
@pytest.mark.parametrize('name', ['on_top_of', 'tower', 'pyramid', 'bridge', 'within'])
def test_piles_are_learned_from_few_demonstrations(model, name, shots):
    word = named_concept(stacking_families()[name])
    code = model.infer(word.demonstrations(seed=0, count=shots))
    moved = model.generate(word.demonstrations(seed=50, count=5), code)
    assert word.holds(moved).all()
    if shots == 5:
        said = {'pyramid': 'on two others', 'bridge': 'on two others', 'within': 'open box'}
        assert any(said.get(name, 'face') in sentence for sentence in model.explain(code)[:3])


def test_flat_demonstrations_mean_the_same_with_a_third_coordinate(model):
    flat = WORDS['near'].demonstrations(seed=0)
    sides = torch.cat([flat.sides, flat.heights.unsqueeze(-1)], dim=-1)
    solid = cc.Events(
        flat.centers, flat.colors, sides, flat.present, flat.subjects, flat.attention
    )
    assert solid.has_heights and not flat.has_heights
    first, second = (model.infer(events).agreement.to_dict() for events in (flat, solid))
    assert first == second
