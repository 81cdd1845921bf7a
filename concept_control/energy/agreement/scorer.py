"""Scorer of rules: which of the rules that fit the demonstrations is the one that is meant?

A shared network reads one token a rule (`rule_search.py`) and a summary of all tokens, so the
scores follow any reordering of the rules, and measurements are known only by what they are about.
Its weights are learned (`training/rule_prior.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from concept_control.energy.agreement.place_prior import PlacePrior, every_kind
from concept_control.energy.agreement.rule_search import NUM_TOKEN_NUMBERS
from concept_control.errors import ModelError
from concept_control.model_files import read_card, read_config, read_modules, write_model

WEIGHTS_FILE = 'rule_prior.safetensors'
CARD_FILE = 'rule_prior.json'


@dataclass(frozen=True)
class ScorerConfig:
    """Sizes of the scorer.

    Attributes:
        num_numbers: Length of a token.
        hidden: Width of the hidden layers.
    """

    num_numbers: int = NUM_TOKEN_NUMBERS
    hidden: int = 32


class RuleScorer(nn.Module):
    """Score sets of rules, equivariant to their order; with the prior of places beside.

    Args:
        config: Sizes of the network.
        kinds: Kinds of measurements of places that have weights; None for all.
        usual: Measurement and number of attended things of each of the usual bounds.
    """

    def __init__(
        self,
        config: ScorerConfig | None = None,
        kinds: Sequence[str] | None = None,
        usual: Sequence[tuple[str, int]] = (),
    ) -> None:
        super().__init__()
        self.config = config = config or ScorerConfig()
        width = config.hidden
        self.read = nn.Sequential(
            nn.Linear(config.num_numbers, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.places = PlacePrior(every_kind() if kinds is None else kinds, usual)
        self.score = nn.Sequential(nn.Linear(3 * width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return scores (..., H) of tokens (..., H, D); -inf where the mask (..., H) is False."""
        each = self.read(tokens)
        if mask is None:
            mask = torch.ones(tokens.shape[:-1], dtype=torch.bool, device=tokens.device)
        gate = mask.unsqueeze(-1)
        count = gate.sum(dim=-2, keepdim=True).clamp(min=1)
        mean = (each * gate).sum(dim=-2, keepdim=True) / count
        most = each.masked_fill(~gate, -1e9).amax(dim=-2, keepdim=True)
        pooled = torch.cat([mean, most], dim=-1).expand(*each.shape[:-1], -1)
        return self.score(torch.cat([each, pooled], dim=-1))[..., 0].masked_fill(~mask, -torch.inf)


def save_scorer(scorer: RuleScorer, facts: dict[str, Any], folder: str | Path) -> dict[str, Any]:
    """Write the weights and the card of a scorer; return the card.

    Args:
        scorer: Trained scorer.
        facts: Facts about the training.
        folder: Folder of the model that it belongs to.
    """
    return write_model(
        Path(folder) / WEIGHTS_FILE,
        Path(folder) / CARD_FILE,
        {'scorer': scorer},
        {
            'network': asdict(scorer.config),
            'kinds': list(scorer.places.kinds),
            'usual': [list(each) for each in scorer.places.names],
            **facts,
        },
    )


def load_scorer(folder: str | Path) -> RuleScorer:
    """Read the scorer that `save_scorer` wrote.

    Raises:
        ModelError: if its files are missing, damaged, or of other sizes.
    """
    path = Path(folder) / CARD_FILE
    card = read_card(path)
    config = read_config(ScorerConfig, card, path)
    kinds: Any = card.get('kinds')
    usual: Any = card.get('usual')
    is_whole = isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)
    is_whole &= isinstance(usual, list) and all(
        isinstance(each, list) and [type(part) for part in each] == [str, int] for each in usual
    )
    if not is_whole:
        raise ModelError(
            f'{path} names no kinds of measurements of places, or no usual bounds; train the '
            'prior again: concept_control train --rule-prior'
        )
    modules: Mapping[str, Any] = read_modules(
        Path(folder) / WEIGHTS_FILE,
        card,
        lambda: {'scorer': RuleScorer(config, kinds, [tuple(each) for each in usual])},
    )
    return modules['scorer'].requires_grad_(False).eval()
