"""Stroke policies on disk, and those shipped with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from concept_control.errors import ModelError
from concept_control.input_files import check_fields
from concept_control.model_files import read_card, read_config, read_modules, write_model
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy

SHIPPED_POLICIES = Path(__file__).resolve().parent.parent / 'models' / 'policy'
"""Folder of the policies shipped with the package."""


Point = tuple[float, float]


@dataclass(frozen=True)
class PolicyFacts:
    """What a card says of a policy beside its network; the attributes are `StrokePolicy`'s."""

    name: Annotated[str, Field(max_length=200)]
    step_length: Annotated[float, Field(gt=0, le=10)]
    num_steps: Annotated[int, Field(ge=1, le=10_000)]
    is_closed: bool
    center: Point
    first_steps: Annotated[list[Point], Field(max_length=10_000)] | None = None


def shipped_names() -> list[str]:
    """List the figures whose policies are shipped."""
    names = (path.stem for path in SHIPPED_POLICIES.glob('*.json') if path.stem != 'any')
    return sorted(names)


def save_policy(policy: StrokePolicy, path: str | Path) -> Path:
    """Write `path`.safetensors and its card `path`.json; return the card's path."""
    facts = {
        'name': policy.name,
        'step_length': policy.step_length,
        'num_steps': policy.num_steps,
        'is_closed': policy.is_closed,
        'center': np.asarray(policy.center).tolist(),
        'first_steps': None if policy.first_steps is None else policy.first_steps.tolist(),
        **policy.card,
    }
    return save_network(policy.network, facts, path)


def load_policy(source: str | Path) -> StrokePolicy:
    """Read a policy by the name of a shipped one or by the path of its card.

    Raises:
        ModelError: if it is missing, of another schema, damaged, or not what its card says.
    """
    path = Path(source)
    if path.suffix != '.json':
        path = SHIPPED_POLICIES / f'{source}.json'
        if path not in SHIPPED_POLICIES.glob('*.json'):
            raise ModelError(
                f'no policy named {str(source)!r:.100}; shipped: {", ".join(shipped_names())}; or '
                'give the path of a card written by `concept_control policy train`'
            )
    network, card = load_network(path)
    known = {name: card[name] for name in PolicyFacts.__dataclass_fields__ if name in card}
    facts = check_fields(PolicyFacts, known, path, ModelError)
    config = network.config
    if config.is_coded or (config.state_size, config.action_size) != (2, 2):
        raise ModelError(
            f'{path} is for codes, or states and steps that are no points; expected a policy of '
            'one figure'
        )
    return StrokePolicy(
        network=network,
        step_length=facts.step_length,
        num_steps=facts.num_steps,
        is_closed=facts.is_closed,
        center=np.array(facts.center),
        name=facts.name,
        first_steps=np.array(facts.first_steps) if facts.first_steps else None,
        card=card,
    )


def save_network(network: PolicyEnergy, facts: dict[str, Any], path: str | Path) -> Path:
    """Write an energy's weights `path`.safetensors and its card `path`.json; return the latter."""
    card = Path(path).with_suffix('.json')
    facts = {**facts, 'network': network.config.to_dict()}
    write_model(card.with_suffix('.safetensors'), card, {'network': network}, facts)
    return card


def load_network(card_path: Path) -> tuple[PolicyEnergy, dict[str, Any]]:
    """Read an energy and its card.

    Raises:
        ModelError: if one is missing, unreadable, of another schema or does not fit the other.
    """
    card = read_card(card_path)
    config = read_config(PolicyConfig, card, card_path)

    def build() -> dict[str, PolicyEnergy]:
        return {'network': PolicyEnergy(config)}

    network: Any = read_modules(card_path.with_suffix('.safetensors'), card, build)['network']
    return network.eval().requires_grad_(False), card
