"""Learn the prior of relevance of rules: which rule is meant where demonstrations leave many?

Tasks are concepts of the trained families, and concepts drawn from the vocabulary of features
itself: a random feature with a random bound or rank (`rule_tasks.py`). From 1 to 10 demonstrations
of each, every rule of the version space becomes a token; the scorer learns to give the masks of
new scenes a high probability under the weighted rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.agreement.inference import shows_place
from concept_control.energy.agreement.place_prior import PlacePrior
from concept_control.energy.agreement.rule_search import find_rules
from concept_control.energy.agreement.rules import SHARES
from concept_control.energy.agreement.scorer import RuleScorer
from concept_control.energy.scene_batch import (
    SceneBatch,
    hide_members,
    scene_batch_from_events,
)
from concept_control.seeding import seeded_weights
from concept_control.training.place_prior import (
    family_place_tasks,
    fit_place_prior,
    temper,
    vocabulary_place_tasks,
)
from concept_control.training.rule_tasks import SHOTS, draw_rule_task, shown_and_new

RULE_FAMILIES = (
    'color',
    'size',
    'same_color',
    'closest',
    'furthest',
    'moved',
    'came_closer',
    'moved_before',
    'moved_after',
    'comparisons',
    'attribute_tests',
)
"""Trained families whose concepts are rules about single entities."""

_SCENES = 3
_MANIFOLD = ('comparisons', 'attribute_tests')
"""Families that are many concepts in one; drawn four times as often."""


@dataclass(frozen=True)
class RulePriorConfig:
    """Options of the training.

    Attributes:
        num_family_tasks: Number of concepts of families.
        num_vocabulary_tasks: Number of concepts of the vocabulary.
        num_place_tasks: Number of concepts of families that say where one thing goes; a third as
            many come from the vocabulary.
        steps: Number of gradient steps.
        batch: Number of tasks a step.
        learning_rate: Rate of Adam, annealed to zero.
        weight_decay: Decoupled weight decay.
        seed: Seed of tasks, weights and batches.
    """

    num_family_tasks: int = 2000
    num_vocabulary_tasks: int = 1200
    num_place_tasks: int = 600
    steps: int = 1500
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    seed: int = 0


class RuleTask(NamedTuple):
    """What the scorer sees of one task.

    Attributes:
        tokens: (H, D) tokens of the rules that fit the demonstrations.
        hits: (S, H) share of the bounds' positions that give the true mask of each new scene.
    """

    tokens: torch.Tensor
    hits: torch.Tensor


def make_task(demonstrations: SceneBatch, scenes: SceneBatch) -> RuleTask | None:
    """Return the task of demonstrations (M,) and new scenes (S,); None where no rule fits."""
    (found,) = find_rules(hide_members(demonstrations))
    if not len(found.table):
        return None
    scenes = hide_members(scenes)
    hits = found.table.masks(scenes, SHARES) == (scenes.attention[:, None, None] > 0.5)
    return RuleTask(found.tokens, hits.all(dim=-1).float().mean(dim=-1))


def family_tasks(
    families: Mapping[str, Family], count: int, rng: np.random.Generator
) -> Iterator[RuleTask]:
    """Yield about `count` tasks of families, fewer where no rule fits."""
    weights = {name: 4 if name in _MANIFOLD else 1 for name in families}
    unit = count / sum(weights.values())
    for name, family in families.items():
        for shots in SHOTS:
            number = max(1, round(unit * weights[name] / len(SHOTS)))
            for shown, new in shown_and_new(family, number, shots, _SCENES, rng):
                task = make_task(shown, new)
                if task is not None:
                    yield task


def vocabulary_tasks(count: int, rng: np.random.Generator) -> Iterator[RuleTask]:
    """Yield about `count` tasks of random features, fewer where no rule fits."""
    for _ in range(count):
        shots = int(rng.choice(SHOTS))
        scenes = draw_rule_task(rng, shots + _SCENES)
        task = make_task(scenes.select(slice(0, shots)), scenes.select(slice(shots, None)))
        if task is not None:
            yield task


def train_rule_prior(
    config: RulePriorConfig, families: Mapping[str, Family]
) -> tuple[RuleScorer, dict[str, Any]]:
    """Train a scorer of rules; return it and the facts of its card.

    Args:
        config: Options of the training.
        families: Families by name; those of `RULE_FAMILIES` are trained on.
    """
    of_vocabulary, of_families = (np.random.default_rng([config.seed, part]) for part in (2, 3))
    trained = {name: families[name] for name in RULE_FAMILIES}
    tasks = [
        *tqdm(
            family_tasks(trained, config.num_family_tasks, of_families),
            total=config.num_family_tasks,
            desc='tasks of families',
        ),
        *tqdm(
            vocabulary_tasks(config.num_vocabulary_tasks, of_vocabulary),
            total=config.num_vocabulary_tasks,
            desc='tasks of the vocabulary',
        ),
    ]
    scorer, loss = fit_scorer(tasks, config)
    places = train_places(scorer.places, config, families)
    reachable = np.mean([float(task.hits.amax(dim=1).gt(0).float().mean()) for task in tasks])
    facts = {
        'training': asdict(config),
        'families': list(trained),
        'metrics': {
            'tasks': len(tasks),
            'mean_rules': round(float(np.mean([len(task.tokens) for task in tasks])), 1),
            'reachable': round(float(reachable), 3),
            'final_loss': round(loss, 3),
            **places,
        },
    }
    return scorer, facts


def train_places(
    prior: PlacePrior, config: RulePriorConfig, families: Mapping[str, Family]
) -> dict[str, float]:
    """Fit the prior of places in place; return the metrics of its card."""
    rng = np.random.default_rng([config.seed, 1])
    trained = families_of_places(families, rng)
    count = config.num_place_tasks
    tasks = [
        *tqdm(family_place_tasks(trained, count, prior, rng), desc='places of families'),
        *tqdm(vocabulary_place_tasks(count // 3, prior, rng), desc='places of the vocabulary'),
    ]
    before, after = fit_place_prior(prior, tasks)
    temper(prior)
    return {
        'place_families': len(trained),
        'place_tasks': len(tasks),
        'place_loss_before': round(before, 3),
        'place_loss': round(after, 3),
    }


def families_of_places(
    families: Mapping[str, Family], rng: np.random.Generator
) -> dict[str, Family]:
    """Return the trained families that say where one thing goes."""

    def places(family: Family) -> bool:
        shown = family.sample(rng, family.sample_concepts(rng, 2), 2)
        return shows_place(scene_batch_from_events(shown))

    return {n: f for n, f in families.items() if not f.held_out and places(f)}


def fit_scorer(tasks: list[RuleTask], config: RulePriorConfig) -> tuple[RuleScorer, float]:
    """Return a scorer fitted to tasks, and its mean loss over the last tenth of the steps."""
    with seeded_weights(config.seed):
        scorer = RuleScorer()
    generator = torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.AdamW(
        scorer.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.steps
    )
    recent = 0.0
    bar = tqdm(range(config.steps), desc='prior of rules', mininterval=1.0)
    for _ in bar:
        # Tasks of about the same number of rules share a batch, so that little is padding.
        drawn = torch.randint(len(tasks), (4 * config.batch,), generator=generator).tolist()
        drawn.sort(key=lambda i: len(tasks[i].tokens))
        first = int(torch.randint(4, (), generator=generator)) * config.batch
        loss = prior_loss(scorer, [tasks[i] for i in drawn[first : first + config.batch]])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(scorer.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent += 10 / config.steps * (loss.item() - recent)
        bar.set_postfix_str(f'loss {recent:.3f}', refresh=False)
    return scorer.requires_grad_(False).eval(), recent


def prior_loss(scorer: RuleScorer, tasks: list[RuleTask]) -> torch.Tensor:
    """Return the mean negative log probability of the new scenes' masks, a scalar."""
    pad = torch.nn.utils.rnn.pad_sequence
    tokens = pad([task.tokens for task in tasks], batch_first=True)
    hits = pad([task.hits.T for task in tasks], batch_first=True)  # (B, H, S)
    count = torch.tensor([len(task.tokens) for task in tasks])
    mask = torch.arange(tokens.shape[1]) < count[:, None]
    weight = torch.softmax(scorer(tokens, mask), dim=-1)
    likely = (weight.unsqueeze(-1) * hits).sum(dim=1)
    # What no rule gives cannot be learned from.
    return -(likely + 1e-3).log().mean()
