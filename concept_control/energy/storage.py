"""Concept models on disk: energy and encoder in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from concept_control.energy.networks.energy_network import (
    DemonstrationEncoder,
    EnergyNetwork,
    NetworkConfig,
)
from concept_control.errors import ModelError
from concept_control.model_files import read_card, read_config, read_modules, write_model

WEIGHTS_FILE = 'concept_model.safetensors'
CARD_FILE = 'card.json'
SHIPPED_MODEL = Path(__file__).resolve().parent.parent / 'models'


def save_model(
    folder: str | Path,
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    card: dict[str, Any],
) -> dict[str, Any]:
    """Write weights and card into `folder` and return the card as written.

    Args:
        folder: Folder of the model, created if it is not there.
        network: Energy network.
        encoder: Encoder of demonstrations.
        card: Facts about the model: families, seed, commit, metrics.
    """
    folder = Path(folder)
    facts = {**card, 'network': asdict(network.config), 'weights': WEIGHTS_FILE}
    modules = {'network': network, 'encoder': encoder}
    return write_model(folder / WEIGHTS_FILE, folder / CARD_FILE, modules, facts)


def load_model(
    path: str | Path | None = None,
) -> tuple[EnergyNetwork, DemonstrationEncoder, dict[str, Any]]:
    """Read the model in a folder: network, encoder and card.

    Args:
        path: Folder of the model, or its card or weights; None for the model shipped with the
            package.

    Raises:
        ModelError: if a file is missing, of another schema, of other shapes than its card says,
            changed since it was written, or no safetensors file.
    """
    folder, card = find_model(path)
    config = read_config(NetworkConfig, card, folder / CARD_FILE)
    modules: Mapping[str, Any] = read_modules(
        folder / WEIGHTS_FILE,
        card,
        lambda: {'network': EnergyNetwork(config), 'encoder': DemonstrationEncoder(config)},
    )
    return modules['network'].eval(), modules['encoder'].eval(), card


def find_model(path: str | Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a model and its card, see `load_model`.

    Raises:
        ModelError: if the card is missing or of another schema.
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
    return folder, read_card(folder / CARD_FILE)
