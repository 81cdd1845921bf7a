"""Samplers and predicates check each other: what is demonstrated holds, what is not mostly not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.concepts import families
from concept_control.concepts.family import NUM_TOKENS, TOKEN_VALUES
from concept_control.concepts.named.relational import Relation
from concept_control.concepts.named.shape import Shape
from concept_control.concepts.named.stacking import Higher
from concept_control.concepts.procedural.height_rules import HeightRules
from concept_control.concepts.registry import stacking_families
from concept_control.errors import EventError
from concept_control.world.events import Events

FAMILIES = families() | stacking_families()
GENERATING = [name for name, family in FAMILIES.items() if family.generates]
SELECTING = [name for name, family in FAMILIES.items() if not family.generates]


def sample(name, seed=0, concepts=20, events=6, entities=None):
    rng = np.random.default_rng(seed)
    family = FAMILIES[name]
    params = family.sample_concepts(rng, concepts)
    return family, params, family.sample(rng, params, events, entities)


def with_last(events, positions):
    changed = events.positions.clone()
    changed[:, -1] = torch.as_tensor(positions, dtype=torch.float32)
    return replace(events, positions=changed)


@pytest.mark.parametrize('name', FAMILIES)
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_demonstrations_hold_by_geometry(name, seed):
    family, params, events = sample(name, seed)
    assert len(events) == 120
    assert family.holds(events, params, tolerance=0.011 if family.generates else None).all()
    assert events.positions.abs().max() <= 1.0
    again = sample(name, seed)[2]
    assert torch.equal(again.positions, events.positions)


@pytest.mark.parametrize(
    'name', [n for n in GENERATING if not isinstance(FAMILIES[n], Higher | HeightRules)]
)
def test_subjects_put_anywhere_mostly_fail(name):
    family, params, events = sample(name, concepts=100)
    rng = np.random.default_rng(7)
    subjects = events.subjects.numpy()[..., None]
    last = events.positions[:, -1].numpy()
    anywhere = with_last(events, np.where(subjects, rng.uniform(-1, 1, last.shape), last))
    acted = subjects.any(axis=(1, 2))
    assert family.holds(anywhere, params)[acted].mean() < 0.65


@pytest.mark.parametrize('name', GENERATING)
def test_moving_bystanders_is_no_success(name):
    family, params, events = sample(name)
    bystanders = (events.present & ~events.subjects & ~(events.attention > 0)).numpy()
    last = events.positions[:, -1].numpy()
    moved = with_last(events, np.clip(last + 0.2 * bystanders[..., None], -2, 2))
    assert not family.holds(moved, params)[bystanders.any(axis=1)].any()


@pytest.mark.parametrize('name', SELECTING)
def test_another_attention_is_wrong(name):
    family, params, events = sample(name)
    flipped = events.attention.clone()
    first = events.present.int().argmax(dim=1)
    rows = torch.arange(len(events))
    flipped[rows, first] = 1 - flipped[rows, first]
    wrong = Events(events.positions, events.colors, events.sizes, events.present,
                   events.subjects, flipped)  # fmt: skip
    if name == 'quantity':
        many = params.repeat(6, axis=0)[:, 0] == 4
        assert not family.holds(wrong, params)[~many].any()
    else:
        assert not family.holds(wrong, params).any()


@pytest.mark.parametrize('name', FAMILIES)
def test_masks_and_tokens_are_valid(name):
    family, params, events = sample(name, concepts=200, events=1)
    assert not (events.subjects & ~events.present).any()
    assert not ((events.attention > 0) & ~events.present).any()
    types, values = family.tokens(params)
    assert types.shape == (200, NUM_TOKENS) and values.shape == (200, NUM_TOKENS, TOKEN_VALUES)
    assert set(types[:, 0]) == set(family.token_types)
    assert np.isfinite(values).all() and np.abs(values).max() <= (
        3 if name == 'measure_tests' else 2
    )


@pytest.mark.parametrize('name', FAMILIES)
def test_looks_decide_only_where_a_family_says_so(name):
    family, params, events = sample(name, concepts=30)
    grey = torch.full_like(events.colors, 0.5)
    exchanged = events.sizes.flip(0)
    for plain, decides in (
        (replace(events, colors=grey), family.reads_colors),
        (replace(events, sizes=exchanged), family.reads_sizes),
    ):
        still = family.holds(plain, params)
        assert still.all() or decides
        assert not (decides and still.all())


def test_token_types_are_unique():
    types = [t for family in FAMILIES.values() for t in family.token_types]
    assert len(types) == len(set(types))


@pytest.mark.parametrize('name', [n for n, f in FAMILIES.items() if isinstance(f, Relation)])
def test_relations_do_not_care_where(name):
    family, params, events = sample(name)
    shifted = replace(events, positions=events.positions + torch.tensor([0.3, -0.2]))
    np.testing.assert_allclose(
        family.error(shifted, params), family.error(events, params), atol=1e-5
    )


@pytest.mark.parametrize('name', [n for n, f in FAMILIES.items() if isinstance(f, Shape)])
def test_shapes_do_not_care_where_how_turned_and_how_large(name):
    family, params, events = sample(name)
    angle, factor = 0.7, 1.3
    rotation = factor * torch.tensor(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float32
    )
    turned = Events(events.positions @ rotation.T + 0.1, events.colors, events.sizes,
                    events.present, events.subjects, events.attention)  # fmt: skip
    assert family.holds(turned, params, tolerance=0.01).all()
    noise = torch.as_tensor(np.random.default_rng(0).normal(0, 0.15, events.positions.shape))
    rough = Events(events.positions + noise, events.colors, events.sizes, events.present,
                   events.subjects, events.attention)  # fmt: skip
    assert not family.holds(rough, params, tolerance=0.02).any()


def test_too_few_entities_are_refused():
    with pytest.raises(EventError, match='at least 3'):
        sample('between', entities=2)


@pytest.mark.parametrize('name', ['left_of', 'aligned_x'])
def test_demonstrations_show_distances_up_to_what_the_table_has_room_for(name):
    family = families()[name]
    shown = family.sample(
        np.random.default_rng(0), family.sample_concepts(np.random.default_rng(0), 1), 300
    )
    middle = (shown.positions[:, -1] * shown.attention[..., None]).sum(dim=1)
    subject = (shown.positions[:, -1] * shown.subjects[..., None]).sum(dim=1)
    assert float((subject - middle).norm(dim=-1).max()) > 1.3
