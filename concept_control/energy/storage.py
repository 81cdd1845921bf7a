"""Concept models on disk: energy, encoder and learned steps of inference in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concept_control.energy.inference.learned_steps import InferenceSteps
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import EnergyNetwork, NetworkConfig
from concept_control.errors import ModelError
from concept_control.model_files import read_card, read_config, read_modules, write_model

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
        folder: Folder of the model, created if it is not there.
        network: Energy network.
        encoder: Encoder of demonstrations.
        card: Facts about the model: families, seed, commit, metrics.
        steps: Learned steps of the code inference, if there are any.
    """
    folder = Path(folder)
    facts = {
        **card,
        'network': network.config.to_dict(),
        'inference_steps': 0 if steps is None else steps.count,
        'weights': WEIGHTS_FILE,
    }
    modules = _modules(network, encoder, steps)
    return write_model(folder / WEIGHTS_FILE, folder / CARD_FILE, modules, facts)


def load_model(
    path: str | Path | None = None,
) -> tuple[EnergyNetwork, DemonstrationEncoder, dict[str, Any], InferenceSteps | None]:
    """Read the model in a folder: network, encoder, card and learned steps of inference, if any.

    Args:
        path: Folder of the model, or its card or weights; None for the model shipped with the
            package.

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
    if not (folder / CARD_FILE).exists():
        raise ModelError(
            f'there is no concept model at {folder} ({CARD_FILE} is missing); train one with '
            '"concept_control train" or give another folder'
        )
    card = read_card(folder / CARD_FILE)
    config = read_config(NetworkConfig, card, folder / CARD_FILE)
    count = card.get('inference_steps', 0)
    if not isinstance(count, int) or not 0 <= count <= _MOST_STEPS:
        raise ModelError(
            f'the card in {folder} gives inference_steps {count!r}; expected 0 to {_MOST_STEPS}'
        )

    def build() -> dict[str, nn.Module]:
        steps = InferenceSteps(config.code_width, count) if count else None
        return _modules(EnergyNetwork(config), DemonstrationEncoder(config), steps)

    modules: Mapping[str, Any] = read_modules(folder / WEIGHTS_FILE, card, build)
    network, encoder = modules['network'], modules['encoder']
    return network.eval(), encoder.eval(), card, modules.get('steps')


def _modules(
    network: EnergyNetwork, encoder: DemonstrationEncoder, steps: InferenceSteps | None
) -> dict[str, nn.Module]:
    modules: dict[str, nn.Module] = {'network': network, 'encoder': encoder}
    return modules if steps is None else {**modules, 'steps': steps}
