"""Procedural family: attend to what satisfies one or two random rules of looks and place."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    Scenes,
    blank_tokens,
    marker_mean,
    random_colors,
    seen_color,
)
from concept_control.concepts.named.visual import (
    COLOR_CLEARANCE,
    COLOR_RADIUS,
    SIZE_MARGIN,
    color_features,
)
from concept_control.concepts.procedural.rule_parameters import (
    NUM_RULES,
    RULE_VALUES,
    choose_rule,
    read_rule,
)
from concept_control.concepts.procedural.selection_rules import (
    CERTAIN,
    SelectionRules,
    lead,
)

COLOR, SIZE, BRIGHTNESS, SIDE, WITHIN, SIDE_OF_MARKER, SIZE_OF_MARKER, EXTREME, RANK = range(9)
"""Kinds of rules: about the entity itself, relative to the marker (the one subject), among all."""

PLACE_MARGIN = 0.06
"""Smallest distance of entities from the border of a rule in demonstrations [workspace units]."""

EXTREME_MARGIN = 0.1
RANK_MARGIN = 0.02
BRIGHTNESS_MARGIN = 0.06


class AttributeRules(SelectionRules):
    """Attend to what satisfies one or two rules; parameters (kind, 4 values) twice, -1 for none.

    Rules and values: colour (r, g, b, sign), size and brightness (threshold, sign), on one side of
    a line (cos, sin, offset), within or beyond a distance of the marker (radius, sign), on one
    side of it (cos, sin), larger or smaller than it (sign), outermost in a direction (cos, sin),
    largest or smallest of all (sign).
    """

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        first = rng.integers(COLOR, RANK + 1, count)
        second = rng.integers(COLOR, SIZE_OF_MARKER + 1, count)
        # A rule that singles one out stands alone; two rules of one kind are not joined.
        alone = (first >= EXTREME) | (first == second) | (rng.random(count) < 0.5)
        second = np.where(alone, -1, second)
        parts = []
        for kind in (first, second):
            angle = rng.uniform(-np.pi, np.pi, count)
            cos, sin = np.cos(angle), np.sin(angle)
            sign = rng.choice([-1.0, 1.0], count)
            mostly = np.where(rng.random(count) < 0.8, 1.0, -1.0)
            nothing = np.zeros(count)
            choices = [
                [*random_colors(rng, (count,)).T, mostly],
                [rng.uniform(0.13, 0.22, count), sign, nothing, nothing],
                [rng.uniform(0.4, 0.85, count), sign, nothing, nothing],
                [cos, sin, rng.uniform(-0.4, 0.4, count), nothing],
                [rng.uniform(0.4, 1.0, count), sign, nothing, nothing],
                [cos, sin, nothing, nothing],
                [sign, nothing, nothing, nothing],
                [cos, sin, nothing, nothing],
                [sign, nothing, nothing, nothing],
            ]
            parts += choose_rule(kind, choices)
        return np.column_stack(parts)

    def has_marker(self, rows: np.ndarray) -> np.ndarray:
        kinds = np.stack([read_rule(rows, slot)[0] for slot in range(NUM_RULES)])
        return np.any((kinds >= WITHIN) & (kinds <= SIZE_OF_MARKER), axis=0)

    def scores(self, rows: np.ndarray, scenes: Scenes) -> np.ndarray:
        positions, colors, sizes = scenes.last, scenes.colors, scenes.sizes
        relative = positions - marker_mean(positions, scenes.subjects)
        marker_size = marker_mean(sizes, scenes.subjects)
        total = np.full(sizes.shape, CERTAIN)
        middle = (COLOR_CLEARANCE + COLOR_RADIUS) / 2
        half = (COLOR_CLEARANCE - COLOR_RADIUS) / 2
        for slot in range(NUM_RULES):
            kind, values = read_rule(rows, slot)
            v = values[:, :, None]  # (B, 4, 1)
            features = color_features(values[:, :3].clip(0, 1))[:, None]
            off = np.linalg.norm(color_features(colors) - features, axis=-1)
            along = positions[..., 0] * v[:, 0] + positions[..., 1] * v[:, 1]
            across = relative[..., 0] * v[:, 0] + relative[..., 1] * v[:, 1]
            table = [
                v[:, 3] * (middle - off) / half,
                v[:, 1] * (sizes - v[:, 0]) / SIZE_MARGIN,
                v[:, 1] * (colors.max(axis=-1) - v[:, 0]) / BRIGHTNESS_MARGIN,
                (along - v[:, 2]) / PLACE_MARGIN,
                v[:, 1] * (v[:, 0] - np.linalg.norm(relative, axis=-1)) / PLACE_MARGIN,
                across / PLACE_MARGIN,
                v[:, 0] * (sizes - marker_size) / RANK_MARGIN,
                lead(along, scenes.candidates) / EXTREME_MARGIN,
                lead(v[:, 0] * sizes, scenes.candidates) / RANK_MARGIN,
            ]
            for each, score in enumerate(table):
                chosen = kind == each
                total[chosen] = np.minimum(total[chosen], score[chosen])
        return total

    def draw_colors(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> np.ndarray:
        colors = random_colors(rng, shape)
        chosen = rng.random(shape) < rng.uniform(0.2, 0.8, (len(rows), 1))
        for slot in range(NUM_RULES):
            kind, values = read_rule(rows, slot)
            seen = seen_color(rng, np.repeat(values[:, None, :3], shape[1], axis=1).clip(0, 1))
            takes = chosen & (kind == COLOR)[:, None]
            colors = np.where(takes[..., None], seen, colors)
        return colors

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        types, values = blank_tokens(len(params))
        for slot in range(NUM_RULES):
            kind, given = read_rule(params, slot)
            types[:, slot] = np.where(kind >= 0, self.token_types[0] + kind, -1)
            plain = given.copy()
            plain[:, 0] = np.where(kind == SIZE, 10 * (given[:, 0] - 0.17), plain[:, 0])
            values[:, slot, :RULE_VALUES] = plain
            rgb = given[:, :3].clip(0, 1)
            looks = np.concatenate([2 * rgb - 1, 2 * color_features(rgb)[:, :3] - 1], axis=1)
            # "This colour" and "any other colour" differ, so the sign multiplies the features.
            values[:, slot, RULE_VALUES : RULE_VALUES + 6] = np.where(
                (kind == COLOR)[:, None], looks * given[:, 3:], 0.0
            )
        return types, values
