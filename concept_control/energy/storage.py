"""Models on disk: a safetensors file of weights beside a card that says what they are.

The card carries the file's SHA-256 and the sizes of the network; a folder whose parts do not fit
each other is refused. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from concept_control.energy.inference.learned_steps import InferenceSteps
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import EnergyNetwork, NetworkConfig
from concept_control.errors import ModelError

SCHEMA = 1
WEIGHTS_FILE = 'concept_model.safetensors'
CARD_FILE = 'card.json'
_MOST_STEPS = 100
SHIPPED_MODEL = Path(__file__).resolve().parent.parent / 'models'


def save_model(
    folder: str | Path,
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    card: dict[str, Any],
    steps: InferenceSteps | None = None,
) -> dict[str, Any]:
    """Write weights and card into `folder` and return the card as written.

    Args:
        folder: created if it is not there.
        network: the energy.
        encoder: the demonstrations' encoder.
        card: what is known about the model: families, seed, commit, metrics.
        steps: learned steps of the code inference, if there are any.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f'network.{k}': v.contiguous().cpu() for k, v in network.state_dict().items()}
    tensors |= {f'encoder.{k}': v.contiguous().cpu() for k, v in encoder.state_dict().items()}
    if steps is not None:
        tensors |= {f'steps.{k}': v.contiguous().cpu() for k, v in steps.state_dict().items()}
    data = save_tensors(tensors)
    card = {
        'schema': SCHEMA,
        **card,
        'network': network.config.to_dict(),
        'inference_steps': 0 if steps is None else steps.count,
        'weights': WEIGHTS_FILE,
        'sha256': hashlib.sha256(data).hexdigest(),
    }
    (folder / WEIGHTS_FILE).write_bytes(data)
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + '\n')
    return card


def load_model(
    path: str | Path | None = None,
) -> tuple[EnergyNetwork, DemonstrationEncoder, dict[str, Any], InferenceSteps | None]:
    """Read the model in a folder: network, encoder, card and learned steps of inference, if any.

    Args:
        path: the folder, or its card or weights; None for the model shipped with the package.

    Raises:
        ModelError: if a file is missing, of another schema, of other shapes than its card says,
            changed since it was written, or no safetensors file.
    """
    folder = SHIPPED_MODEL if path is None else Path(path)
    if folder.name in (CARD_FILE, WEIGHTS_FILE) or folder.is_file():
        if folder.is_file() and folder.name not in (CARD_FILE, WEIGHTS_FILE):
            raise ModelError(
                f'{folder} is no concept model; expected a folder with {WEIGHTS_FILE} and '
                f'{CARD_FILE} (pickled files are never read)'
            )
        folder = folder.parent
    card = _read_card(folder / CARD_FILE)
    data = _read_weights(folder / WEIGHTS_FILE, card)
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise ModelError(
            f'{folder / WEIGHTS_FILE} is no safetensors file ({error}); pickled files are never '
            'read'
        ) from error
    network = EnergyNetwork(_network_config(folder, card))
    encoder = DemonstrationEncoder(network.config)
    _fill(network, 'network.', tensors, folder)
    _fill(encoder, 'encoder.', tensors, folder)
    count = card.get('inference_steps', 0)
    if not isinstance(count, int) or not 0 <= count <= _MOST_STEPS:
        raise ModelError(
            f'the card in {folder} gives inference_steps {count!r}; expected 0 to {_MOST_STEPS}'
        )
    steps = InferenceSteps(network.config.code_width, count) if count else None
    if steps is not None:
        _fill(steps, 'steps.', tensors, folder)
    known = {f'network.{k}' for k in network.state_dict()}
    known |= {f'steps.{k}' for k in ([] if steps is None else steps.state_dict())}
    known |= {f'encoder.{k}' for k in encoder.state_dict()}
    extra = sorted(set(tensors) - known)
    if extra:
        raise ModelError(f'{folder / WEIGHTS_FILE} holds tensors of no use: {extra[:3]}')
    return network.eval(), encoder.eval(), card, steps


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ModelError(
            f'there is no concept model at {path.parent} ({path.name} is missing); train one with '
            '"concept_control train" or give another folder'
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f'the card {path} cannot be read: {error}') from error
    schema = card.get('schema') if isinstance(card, dict) else None
    if schema != SCHEMA:
        raise ModelError(f'{path} has schema {schema!r}; this version reads schema {SCHEMA}')
    return card


def _read_weights(path: Path, card: dict[str, Any]) -> bytes:
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
    return data


def _network_config(folder: Path, card: dict[str, Any]) -> NetworkConfig:
    values = card.get('network')
    names = {f.name for f in fields(NetworkConfig)}
    if not isinstance(values, dict) or set(values) - names:
        raise ModelError(
            f'the card in {folder} describes the network as {values!r}; expected the fields '
            f'{sorted(names)}'
        )
    try:
        return NetworkConfig(**values)
    except TypeError as error:
        raise ModelError(f'the card in {folder} describes no network: {error}') from error


def _fill(
    module: torch.nn.Module, prefix: str, tensors: dict[str, torch.Tensor], folder: Path
) -> None:
    for name, mine in module.state_dict().items():
        stored = tensors.get(prefix + name)
        if stored is None:
            raise ModelError(f'{folder / WEIGHTS_FILE} lacks the tensor {prefix + name}')
        if stored.shape != mine.shape:
            raise ModelError(
                f'{prefix + name} in {folder / WEIGHTS_FILE} has shape {tuple(stored.shape)}; '
                f'the card asks for {tuple(mine.shape)}'
            )
        if not torch.isfinite(stored).all():
            raise ModelError(f'{prefix + name} in {folder / WEIGHTS_FILE} is not finite')
        with torch.no_grad():
            mine.copy_(stored)
