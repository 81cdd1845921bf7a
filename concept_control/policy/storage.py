"""Stroke policies on disk: weights as safetensors beside a card that says what they are.

The card carries the SHA-256 of the weights; what does not fit is refused, nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from concept_control.errors import ModelError
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy

SCHEMA = 1
SHIPPED = Path(__file__).resolve().parent.parent / 'models' / 'policy'
"""Where the policies shipped with the package are."""


def shipped_names() -> list[str]:
    """List the figures whose policies are shipped."""
    names = (path.stem for path in SHIPPED.glob('*.json') if path.stem != 'any')
    return sorted(names)


def save_policy(policy: StrokePolicy, path: str | Path) -> Path:
    """Write `path`.safetensors and its card `path`.json; return the card's path."""
    stem = Path(path).with_suffix('')
    facts = {
        'name': policy.name,
        'step_length': policy.step_length,
        'num_steps': policy.num_steps,
        'is_closed': policy.is_closed,
        'center': np.asarray(policy.center).tolist(),
        'first_steps': None if policy.first_steps is None else policy.first_steps.tolist(),
        **policy.card,
    }
    return write_network(stem, {'network': policy.network}, policy.network.config, facts)


def load_policy(source: str | Path) -> StrokePolicy:
    """Read a policy by the name of a shipped one or by the path of its card.

    Raises:
        ModelError: if it is missing, of another schema, damaged, or not what its card says.
    """
    path = Path(source)
    if path.suffix != '.json':
        path = SHIPPED / f'{source}.json'
        if not path.is_file():
            raise ModelError(
                f'no policy named {str(source)!r}; shipped: {", ".join(shipped_names())}; or give '
                'the path of a card written by `concept_control policy train`'
            )
    card, tensors = read_tensors(path)
    network = filled(PolicyEnergy(config_of(path, card)), 'network.', tensors, path)
    try:
        return StrokePolicy(
            network=network,
            step_length=float(card['step_length']),
            num_steps=int(card['num_steps']),
            is_closed=bool(card['is_closed']),
            center=np.array(card['center'], dtype=float),
            name=str(card['name']),
            first_steps=_steps_of(card),
            card=card,
        )
    except KeyError as error:
        raise ModelError(f'{path} lacks {error}; it is no card of a stroke policy') from error


def write_network(
    stem: Path, modules: dict[str, torch.nn.Module], config: PolicyConfig, facts: dict[str, Any]
) -> Path:
    """Write modules' tensors and a card with the network's sizes beside them."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        f'{name}.{key}': value.contiguous().cpu()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    data = save_tensors(tensors)
    card = {'schema': SCHEMA, **facts, 'network': config.to_dict()}
    card['sha256'] = hashlib.sha256(data).hexdigest()
    stem.with_suffix('.safetensors').write_bytes(data)
    stem.with_suffix('.json').write_text(json.dumps(card, indent=2) + '\n')
    return stem.with_suffix('.json')


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read a card and the tensors beside it.

    Raises:
        ModelError: if one is missing, unreadable, of another schema or does not fit the other.
    """
    try:
        card = json.loads(path.read_text())
        data = path.with_suffix('.safetensors').read_bytes()
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f'the policy {path} cannot be read: {error}') from error
    schema = card.get('schema') if isinstance(card, dict) else None
    if schema != SCHEMA:
        raise ModelError(f'{path} has schema {schema!r}; this version reads schema {SCHEMA}')
    if hashlib.sha256(data).hexdigest() != card.get('sha256'):
        raise ModelError(
            f'{path.with_suffix(".safetensors")} is not the file its card describes; fetch or '
            'train it again'
        )
    try:
        return card, load_tensors(data)
    except SafetensorError as error:
        raise ModelError(f'{path}: its weights are no safetensors file: {error}') from error


def filled(
    module: torch.nn.Module, prefix: str, tensors: dict[str, torch.Tensor], path: Path
) -> Any:
    """Fill a module with the tensors of its prefix, ready for use.

    Raises:
        ModelError: if names, shapes or values are not what the module needs.
    """
    mine = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        module.load_state_dict(mine)
    except RuntimeError as error:
        raise ModelError(f'the weights of {path} do not fit its card: {error}') from error
    if not all(torch.isfinite(value).all() for value in mine.values()):
        raise ModelError(f'the weights of {path} are not finite')
    return module.eval().requires_grad_(False)


def config_of(path: Path, card: dict[str, Any]) -> PolicyConfig:
    """Return the network's sizes from its card.

    Raises:
        ModelError: if it has none.
    """
    try:
        return PolicyConfig(**card['network'])
    except (KeyError, TypeError) as error:
        raise ModelError(f'the card {path} describes no network: {error}') from error


def _steps_of(card: dict[str, Any]) -> np.ndarray | None:
    """Return the (F, 2) first steps of a card; None where it was written without them."""
    steps = card.get('first_steps')
    return None if steps is None else np.array(steps, dtype=float).reshape(-1, 2)
