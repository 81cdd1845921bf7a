"""Models on disk: a safetensors file of weights beside a JSON card that says what they are.

The card carries the SHA-256 of the weights, the sizes of the networks and a checksum of itself;
files that do not fit each other, or were changed by hand, are refused. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from concept_control.errors import ModelError
from concept_control.input_files import check_fields, one_line, read_bytes, read_json
from concept_control.output_files import replacing

SCHEMA = 1

MAX_WEIGHTS = 2 * 2**30
"""Largest file of weights [bytes]."""

MAX_SIZE = 4096
"""Largest size of a network that a card may give: a width, a number of layers."""

Config = TypeVar('Config')


def write_model(
    weights: Path, card: Path, modules: Mapping[str, nn.Module], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the weights of some modules and their card; return the card as written.

    Args:
        weights: Path of the safetensors file, whose folder is made where it is missing.
        card: Path of the JSON file in the same folder.
        modules: Networks by the prefix of their tensors.
        facts: Entries of the card beside schema and checksums.
    """
    data = save(
        {
            f'{prefix}.{name}': value.contiguous().cpu()
            for prefix, module in modules.items()
            for name, value in module.state_dict().items()
        }
    )
    with replacing(weights) as file:
        file.write(data)
    return write_card(card, {**facts, 'sha256': hashlib.sha256(data).hexdigest()})


def write_card(path: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write a card with its schema and checksum; return it as written."""
    card = {'schema': SCHEMA, **facts}
    card['checksum'] = checksum(card)
    with replacing(path) as file:
        file.write((json.dumps(card, indent=2) + '\n').encode())
    return card


def checksum(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256, hex, of everything in a mapping of JSON values but its checksum."""
    rest = {name: value for name, value in fields.items() if name != 'checksum'}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_card(path: Path) -> dict[str, Any]:
    """Read a card.

    Raises:
        ModelError: if it is missing, unreadable, of another schema, or changed since it was
            written.
    """
    card = read_json(path, ModelError)
    schema = card.get('schema') if isinstance(card, dict) else None
    if schema != SCHEMA:
        raise ModelError(f'{path} has schema {schema!r:.60}; this version reads schema {SCHEMA}')
    if card.get('checksum') != checksum(card):
        raise ModelError(
            f'{path} was changed since it was written: its checksum is another; fetch or train '
            'the model again'
        )
    return card


def read_config(kind: type[Config], card: Mapping[str, Any], path: Path) -> Config:
    """Return the sizes of the network that a card gives.

    Args:
        kind: Dataclass of the sizes.
        card: Card of the model.
        path: File of the card, for the error's text.

    Raises:
        ModelError: if it gives none, others than `kind` has, or sizes that no network has.
    """
    config = check_fields(kind, card.get('network'), path, ModelError)
    for name, value in vars(config).items():
        if isinstance(value, int) and not 0 <= value <= MAX_SIZE:
            raise ModelError(f'{path}: network.{name} is {value}; expected 0 to {MAX_SIZE}')
    return config


def read_modules(
    path: Path, card: Mapping[str, Any], build: Callable[[], Mapping[str, nn.Module]]
) -> Mapping[str, nn.Module]:
    """Build the networks of a card and fill them with the weights of a file.

    What the networks need is compared with what the file holds before memory is taken for it.

    Args:
        path: Safetensors file.
        card: Card of the model.
        build: Callable that makes the networks by the prefix of their tensors; all that the file
            holds.

    Raises:
        ModelError: if the file is missing, changed since it was written, no safetensors file, or
            holds other tensors than the networks have.
    """
    tensors = _read_tensors(path, card)
    try:
        with torch.device('meta'):  # shapes alone
            _check_tensors(path, tensors, build())
        modules = build()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f'the card of {path} describes no network: {one_line(error)}') from error
    for prefix, module in modules.items():
        for name, mine in module.state_dict().items():
            with torch.no_grad():
                mine.copy_(tensors[f'{prefix}.{name}'])
    return modules


def _check_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], modules: Mapping[str, nn.Module]
) -> None:
    unused = set(tensors)
    for prefix, module in modules.items():
        for name, mine in module.state_dict().items():
            stored = tensors.get(f'{prefix}.{name}')
            unused.discard(f'{prefix}.{name}')
            if stored is None:
                raise ModelError(f'{path} lacks the tensor {prefix}.{name}')
            if stored.shape != mine.shape:
                raise ModelError(
                    f'{prefix}.{name} in {path} has shape {tuple(stored.shape)}; the card asks '
                    f'for {tuple(mine.shape)}'
                )
            if not torch.isfinite(stored).all():
                raise ModelError(f'{prefix}.{name} in {path} is not finite')
    if unused:
        raise ModelError(f'{path} holds tensors of no use: {sorted(unused)[:3]}')


def _read_tensors(path: Path, card: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    data = read_bytes(path, ModelError, MAX_WEIGHTS)
    digest = hashlib.sha256(data).hexdigest()
    if digest != card.get('sha256'):
        kind = ' and looks pickled' if data[:2] in (b'\x80\x02', b'\x80\x04', b'PK') else ''
        raise ModelError(
            f'{path} is not the file its card describes{kind}: SHA-256 {digest[:12]}…, the card '
            f'says {str(card.get("sha256"))[:12]}…; fetch or train the model again'
        )
    try:
        return load(data)
    except SafetensorError as error:
        raise ModelError(
            f'{path} is no safetensors file ({error}); pickled files are never read'
        ) from error
