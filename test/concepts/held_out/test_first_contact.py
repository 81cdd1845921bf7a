"""Words of the first contact: demonstrations hold, chance mostly fails, a seed tells all."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from concept_control.concepts.held_out import fourth_contact, second_contact, third_contact
from concept_control.concepts.held_out.first_contact import HARD
from concept_control.concepts.registry import (
    families,
    first_contact_families,
    fourth_contact_families,
    second_contact_families,
    third_contact_families,
)

FAMILIES = (
    first_contact_families()
    | second_contact_families()
    | third_contact_families()
    | fourth_contact_families()
)
GENERATING = [name for name, family in FAMILIES.items() if family.generates]
SELECTING = [name for name, family in FAMILIES.items() if not family.generates]
COUNTED = ('one_or_two', 'even_number', 'odd_number', 'everything', 'all_but_one')


def draw(name, seed):
    rng = np.random.default_rng(seed)
    params = FAMILIES[name].sample_concepts(rng, 8)
    return params, FAMILIES[name].sample(rng, params, 15)


sample = cache(draw)


@pytest.mark.parametrize('name', FAMILIES)
def test_demonstrations_hold_and_a_seed_repeats_them(name):
    family, (params, events) = FAMILIES[name], sample(name, 0)
    assert len(events) == 120
    assert family.holds(events, params, 0.011 if family.generates else None).all()
    assert events.positions.abs().max() <= 1.0
    assert not (events.subjects & ~events.present).any()
    again, other = draw(name, 0)[1], draw(name, 1)[1]
    for field in ('positions', 'colors', 'sizes', 'subjects', 'attention'):
        assert torch.equal(getattr(again, field), getattr(events, field))
    assert again.positions.shape != other.positions.shape or not torch.equal(
        again.positions, other.positions
    )


@pytest.mark.parametrize('name', GENERATING)
def test_subjects_put_anywhere_mostly_fail(name):
    params, events = sample(name, 0)
    acted = events.subjects.any(dim=1)
    anywhere = np.random.default_rng(7).uniform(-0.95, 0.95, events.positions[:, -1].shape)
    last = torch.where(
        events.subjects[..., None], torch.as_tensor(anywhere).float(), events.positions[:, -1]
    )
    changed = replace(events, positions=torch.stack([events.positions[:, 0], last], dim=1))
    assert FAMILIES[name].holds(changed, params)[acted.numpy()].mean() < 0.5


@pytest.mark.parametrize('name', SELECTING)
def test_things_picked_at_random_mostly_fail(name):
    params, events = sample(name, 0)
    picked = np.random.default_rng(7).random(events.attention.shape) < 0.5
    picked = torch.as_tensor(picked) & events.present & ~events.subjects
    changed = replace(events, attention=picked.float())
    assert FAMILIES[name].holds(changed, params).mean() < 0.55
    if name not in COUNTED:
        flipped = (1 - events.attention) * (events.present & ~events.subjects)
        assert not FAMILIES[name].holds(replace(events, attention=flipped), params).any()


@pytest.mark.parametrize('name', SELECTING)
def test_answers_vary(name):
    _, events = sample(name, 0)
    share = events.attention.sum(dim=1) / (events.present & ~events.subjects).sum(dim=1)
    assert (share > 0).all()
    assert name == 'everything' or (share < 1).float().mean() > 0.5


@pytest.mark.parametrize('name', GENERATING)
def test_moving_others_is_no_success(name):
    params, events = sample(name, 0)
    idle = events.present & ~events.subjects & ~(events.attention > 0)
    positions = events.positions.clone()
    positions[:, -1] += 0.2 * idle[..., None]
    moved = replace(events, positions=positions)
    assert not FAMILIES[name].holds(moved, params)[idle.any(dim=1).numpy()].any()


@pytest.mark.parametrize('name', FAMILIES)
def test_looks_decide_only_where_a_family_says_so(name):
    family, (params, events) = FAMILIES[name], sample(name, 0)
    grey = replace(events, colors=torch.full_like(events.colors, 0.5))
    same = replace(events, sizes=torch.full_like(events.sizes, 0.16))
    assert family.holds(grey, params).all() != family.reads_colors
    assert family.holds(same, params).all() != family.reads_sizes


def test_names_and_tokens_are_unique_and_a_third_is_hard():
    known = families()
    assert not set(FAMILIES) & set(known)
    types = [t for f in (*known.values(), *FAMILIES.values()) for t in f.token_types]
    assert len(types) == len(set(types))
    assert all(family.held_out for family in FAMILIES.values())
    hard = {*HARD, *second_contact.HARD, *third_contact.HARD, *fourth_contact.HARD}
    assert hard <= set(FAMILIES) and len(hard) >= len(FAMILIES) / 3 >= 10
