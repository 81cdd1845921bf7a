"""The energy networks: E(x, a, w) = ||f(statistics(x, a, w), w)||² >= 0.

Pairwise as in Mordatch (arXiv 1811.02486), or unary as in the workshop paper, with the statistics
of `pooling` in place of one sum over pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.measurement import NUM_MEASURES, measure
from concept_control.energy.networks.membership import Membership, membership_residual
from concept_control.energy.networks.pooling import NUM_RAW, Conditioning, ScenePooling
from concept_control.energy.networks.readouts import NUM_FEATURES, IntervalReadout, PlaceReadout
from concept_control.energy.scene_batch import SceneBatch

ACTION = 1.0
"""Flag of the half of a code that is used to generate (x is optimised)."""

ARGUMENT = -1.0
"""Flag of the half of a code that is used to identify (a is optimised)."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks.

    Attributes:
        kind: 'pairwise' (arXiv 1811.02486) or 'unary' (the workshop paper).
        code_width: W, length of each half of a code.
        hidden: Width of the pair and single layers.
        attribute_width: Width of the layer that reads colour, size and motion.
        channels: Number of smooth-max channels.
        head_width: Width of f's two hidden layers.
        num_outputs: K, length of the residual.
        place_points: P, number of points that a code reads out; 0 leaves `PlaceReadout` out.
        intervals: Whether there is an `IntervalReadout`; needs points.
        member_width: Width of the `Membership` layer; 0 leaves it out.
        member_attributes: Number of attributes that a code reads out of each entity for it.
        member_decides: Whether there is a `Decision` on these attributes.
        encoder_hidden: Width of the encoder's pair and single layers.
        encoder_width: Width of the encoder's other layers.
        encoder_rounds: Number of rounds in which each demonstration sees the pooled others.
        encoder_direct: Width of the encoder's path that is linear in averages over the
            demonstrations; 0 leaves it out.
        encoder_fits: Whether the encoder gets the results of `fit_demonstrations`.
    """

    kind: str = 'pairwise'
    code_width: int = 32
    hidden: int = 64
    attribute_width: int = 32
    channels: int = 8
    head_width: int = 128
    num_outputs: int = 12
    place_points: int = 0
    intervals: bool = False
    member_width: int = 0
    member_attributes: int = 0
    member_decides: bool = False
    encoder_hidden: int = 64
    encoder_width: int = 256
    encoder_rounds: int = 0
    encoder_direct: int = 0
    encoder_fits: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)


class EnergyConditioning(NamedTuple):
    """Everything that a code determines: one row per event, or one row for all.

    Attributes:
        pooling: Scales and shifts inside the statistics.
        head: (B, 4 head_width) scales and shifts of f's hidden layers.
        direct: (B, K, NUM_RAW + 1) linear part of f on the raw geometry, bias last.
        places: (B, ...) parameters of `PlaceReadout`; (B, 0) without it.
        intervals: (B, ...) parameters of `IntervalReadout`; (B, 0) without it.
        members: (B, ...) parameters of `Membership`; (B, 0) without it.
    """

    pooling: Conditioning
    head: torch.Tensor
    direct: torch.Tensor
    places: torch.Tensor
    intervals: torch.Tensor
    members: torch.Tensor

    def repeat(self, count: int) -> EnergyConditioning:
        """Return the conditioning with each row `count` times in a row."""
        return self._map(lambda value: value.repeat_interleave(count, dim=0))

    def detach(self) -> EnergyConditioning:
        """Return the conditioning without its graph."""
        return self._map(torch.Tensor.detach)

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> EnergyConditioning:
        return EnergyConditioning(Conditioning(*map(change, self.pooling)), *map(change, self[1:]))


class EnergyNetwork(nn.Module):
    """Residual network r(x, a, w) with E = ||r||², unary or pairwise.

    f is the sum of a part linear in the raw geometry, with coefficients from the code, for which
    "here" or "that far to the left" are exact and convex, and a non-linear part.

    Args:
        config: Sizes.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.code_width + 1
        self.num_outputs = config.num_outputs
        self.pooling = ScenePooling(
            width,
            config.hidden,
            config.attribute_width,
            config.channels,
            pairwise=config.kind == 'pairwise',
        )
        head = config.head_width
        self.places: PlaceReadout | None = None
        plain = self.pooling.num_learned + NUM_RAW
        if config.place_points:
            self.places = PlaceReadout(width, config.place_points)
        seen = plain + config.place_points * NUM_FEATURES
        self.intervals: IntervalReadout | None = None
        if config.intervals:
            self.intervals = IntervalReadout(width, config.place_points)
            seen += NUM_MEASURES
        self.first = nn.Linear(seen, head)
        self.second = nn.Linear(head, head)
        self.last = nn.Linear(head, config.num_outputs)
        self.head_film = nn.Linear(width, 4 * head)
        self.direct_layer = nn.Linear(width, config.num_outputs * (NUM_RAW + 1))
        self.membership: Membership | None = None
        if config.member_width:
            self.membership = Membership(
                width,
                config.hidden,
                config.channels,
                config.member_width,
                config.kind == 'pairwise',
                config.member_attributes,
                config.member_decides,
            )
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            self.direct_layer.weight.mul_(0.05)
            self.direct_layer.bias.mul_(0.3)
            self.first.weight[:, plain:] = 0.0

    def condition(self, code: torch.Tensor, operation: float) -> EnergyConditioning:
        """Return the conditioning by halves of codes.

        Args:
            code: (B, W) action halves or argument halves.
            operation: `ACTION` or `ARGUMENT`, the half that `code` is.
        """
        flag = torch.full_like(code[:, :1], operation)
        code = torch.cat([code, flag], dim=-1)
        places = code[:, :0] if self.places is None else self.places.condition(code)
        intervals = members = code[:, :0]
        if self.intervals is not None and operation == ACTION:
            intervals = self.intervals.condition(code)
        if self.membership is not None and operation == ARGUMENT:
            members = self.membership.condition(code)
        return EnergyConditioning(
            self.pooling.condition(code),
            self.head_film(code),
            self.direct_layer(code).reshape(-1, self.num_outputs, NUM_RAW + 1),
            places,
            intervals,
            members,
        )

    def forward(
        self, scene: SceneBatch, attention: torch.Tensor, conditioning: EnergyConditioning
    ) -> torch.Tensor:
        """Return the residual of events under masks.

        Args:
            scene: B events; their own attention is ignored.
            attention: (B, G, N) in [0, 1], G masks per event.
            conditioning: Conditioning, B rows or one for all.

        Returns:
            (B, G, K') with K' >= K, because readouts and membership add residuals of their own;
            the sum of squares is the energy.
        """
        statistics = self.pooling(scene, attention, conditioning.pooling)
        measures = self.measure(scene, attention, conditioning)
        residual = self.head(statistics.learned, statistics.raw, measures, conditioning)
        if self.membership is None or conditioning.members.shape[-1] == 0:
            return residual
        scores = self.membership(
            scene,
            statistics.single,
            statistics.pairs,
            self.pooling.pair_channels,
            conditioning.members,
        )
        members = membership_residual(scores, attention, scene.present)
        return torch.cat([residual, members], dim=-1)

    def measure(
        self,
        scene: SceneBatch,
        attention: torch.Tensor,
        conditioning: EnergyConditioning,
        shape: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the measurements (B, G, NUM_MEASURES) of the outcome; (B, G, 0) without bounds.

        Args:
            scene: B events.
            attention: (B, G, N) in [0, 1].
            conditioning: Conditioning.
            shape: Result of `measure_shape`, where it is known already.
        """
        if self.intervals is None:
            return attention[..., :0]
        if conditioning.intervals.shape[-1] == 0:
            return attention.new_zeros(*attention.shape[:2], NUM_MEASURES)
        return measure(scene, attention, shape)

    def head(
        self,
        learned: torch.Tensor,
        raw: torch.Tensor,
        measures: torch.Tensor,
        conditioning: EnergyConditioning,
    ) -> torch.Tensor:
        """Return f (B, G, K') of the learned and raw `Statistics` and the measurements."""
        seen, reading, bounded = [learned, raw], None, []
        if self.places is not None:
            reading = self.places(raw, conditioning.places)
            seen.append(reading.features)
            if self.intervals is not None and conditioning.intervals.shape[-1] > 0:
                film = conditioning.intervals
                bounded.append(self.intervals(measures, reading.features, film))
        seen.append(measures)
        scale_1, shift_1, scale_2, shift_2 = conditioning.head.unsqueeze(1).chunk(4, dim=-1)
        value = self.first(torch.cat(seen, dim=-1))
        value = functional.silu(value * (1 + scale_1) + shift_1)
        value = functional.silu(self.second(value) * (1 + scale_2) + shift_2)
        direct = conditioning.direct
        linear = torch.matmul(raw, direct[:, :, :-1].transpose(1, 2))
        value = self.last(value) + linear + direct[:, :, -1].unsqueeze(1)
        if reading is None:
            return value
        return torch.cat([reading.kept * value, reading.residuals, *bounded], dim=-1)

    def residual(self, scene: SceneBatch, code: torch.Tensor, operation: float) -> torch.Tensor:
        """Return the residual (B, K) of the scenes under their own attention.

        Args:
            scene: B events.
            code: (B, W) or (1, W), one half.
            operation: `ACTION` or `ARGUMENT`, the half that `code` is.
        """
        return self(scene, scene.attention.unsqueeze(1), self.condition(code, operation))[:, 0]

    def energy(self, scene: SceneBatch, code: torch.Tensor, operation: float) -> torch.Tensor:
        """Return the energy (B,) of the scenes under their own attention, see `residual`."""
        return self.residual(scene, code, operation).square().sum(dim=-1)
