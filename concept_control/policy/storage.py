"""Stroke policies on disk, and those shipped with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from concept_control.errors import ModelError
from concept_control.model_files import read_card, read_config, read_weights, write_model
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy

SHIPPED_POLICIES = Path(__file__).resolve().parent.parent / 'models' / 'policy'
"""Folder of the policies shipped with the package."""


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
        if not path.is_file():
            raise ModelError(
                f'no policy named {str(source)!r}; shipped: {", ".join(shipped_names())}; or give '
                'the path of a card written by `concept_control policy train`'
            )
    network, card = load_network(path)
    first_steps = card.get('first_steps')
    try:
        return StrokePolicy(
            network=network,
            step_length=float(card['step_length']),
            num_steps=int(card['num_steps']),
            is_closed=bool(card['is_closed']),
            center=np.array(card['center'], dtype=float),
            name=str(card['name']),
            first_steps=None if first_steps is None else np.reshape(first_steps, (-1, 2)),
            card=card,
        )
    except KeyError as error:
        raise ModelError(f'{path} lacks {error}; it is no card of a stroke policy') from error


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
    network = PolicyEnergy(read_config(PolicyConfig, card, card_path))
    read_weights(card_path.with_suffix('.safetensors'), card, {'network': network})
    return network.eval().requires_grad_(False), card
