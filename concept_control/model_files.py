"""Models on disk: a safetensors file of weights beside a JSON card that says what they are.

The card carries the SHA-256 of the weights and the sizes of the networks; files that do not fit
each other are refused. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from concept_control.errors import ModelError

SCHEMA = 1

Config = TypeVar('Config')


def write_model(
    weights: Path, card: Path, modules: Mapping[str, nn.Module], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the weights of some modules and their card; return the card as written.

    Args:
        weights: Path of the safetensors file, whose folder is made where it is missing.
        card: Path of the JSON file in the same folder.
        modules: Networks by the prefix of their tensors.
        facts: Entries of the card beside schema and checksum.
    """
    weights.parent.mkdir(parents=True, exist_ok=True)
    data = save(
        {
            f'{prefix}.{name}': value.contiguous().cpu()
            for prefix, module in modules.items()
            for name, value in module.state_dict().items()
        }
    )
    written = {'schema': SCHEMA, **facts, 'sha256': hashlib.sha256(data).hexdigest()}
    weights.write_bytes(data)
    card.write_text(json.dumps(written, indent=2) + '\n')
    return written


def read_card(path: Path) -> dict[str, Any]:
    """Read a card.

    Raises:
        ModelError: if it is missing, unreadable or of another schema.
    """
    try:
        card = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f'the card {path} cannot be read: {error}') from error
    schema = card.get('schema') if isinstance(card, dict) else None
    if schema != SCHEMA:
        raise ModelError(f'{path} has schema {schema!r}; this version reads schema {SCHEMA}')
    return card


def read_config(kind: type[Config], card: Mapping[str, Any], path: Path) -> Config:
    """Return the sizes of the network that a card gives.

    Args:
        kind: Dataclass of the sizes.
        card: Card of the model.
        path: File of the card, for the error's text.

    Raises:
        ModelError: if it gives none, or others than `kind` has.
    """
    values = card.get('network')
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(values, dict) or set(values) - names:
        raise ModelError(
            f'{path} describes the network as {values!r}; expected the fields {sorted(names)}'
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ModelError(f'{path} describes no network: {error}') from error


def read_weights(path: Path, card: Mapping[str, Any], modules: Mapping[str, nn.Module]) -> None:
    """Fill modules with the weights of a file.

    Args:
        path: Safetensors file.
        card: Card of the model.
        modules: Networks by the prefix of their tensors; all that the file holds.

    Raises:
        ModelError: if the file is missing, changed since it was written, no safetensors file, or
            holds other tensors than the modules have.
    """
    tensors = _read_tensors(path, card)
    for prefix, module in modules.items():
        for name, mine in module.state_dict().items():
            stored = tensors.pop(f'{prefix}.{name}', None)
            if stored is None:
                raise ModelError(f'{path} lacks the tensor {prefix}.{name}')
            if stored.shape != mine.shape:
                raise ModelError(
                    f'{prefix}.{name} in {path} has shape {tuple(stored.shape)}; the card asks '
                    f'for {tuple(mine.shape)}'
                )
            if not torch.isfinite(stored).all():
                raise ModelError(f'{prefix}.{name} in {path} is not finite')
            with torch.no_grad():
                mine.copy_(stored)
    if tensors:
        raise ModelError(f'{path} holds tensors of no use: {sorted(tensors)[:3]}')


def _read_tensors(path: Path, card: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f'the weights {path} cannot be read: {error}') from error
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
