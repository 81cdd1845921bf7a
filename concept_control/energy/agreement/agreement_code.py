"""What an inference by agreement found, as plain data: readable JSON, and numbers in a message."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from concept_control.energy.agreement.bounds import PER_BOUND, PER_CLAUSE, Bounds
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.agreement.rules import Rules
from concept_control.energy.measurements.fitted import Fitted
from concept_control.errors import CodeError

SCHEMA = 2
"""Version of the vocabulary and of this format."""

SURE = 30.0
"""Log odds of what is not doubted."""

_COLUMNS = (*PER_BOUND[1:], *PER_CLAUSE)
_INTEGERS = ('clause', 'kind')
_BYTES_PER_NUMBER = 3
"""Bytes that single precision holds exactly."""

_MOST_PATTERNS = 10


@dataclass(frozen=True)
class AgreementCode:
    """A concept as what its demonstrations agree on; a part is None where they do not show it.

    Attributes:
        placing: Where the one subject goes, and relative to what.
        arrangement: How the meant things stand to one another.
        patterns: (k, 2) arrangements as they were demonstrated, about their middle.
        members: Whether the subjects are the meant things themselves.
        counting: How many are meant, of the sets that could be.
        rules: Which things are meant, by what each of them is.
        rule_share: Probability that the rules decide what is meant.
        circumstances: Probabilities of how a further event is shown, see
            `inference.circumstances`; none in a code written without them.
        confidence: Probability that what is done with it holds in new scenes.
        log_odds_identified: What the demonstrations say of how surely the likeliest mask of a
            scene holds, see `confidence`; a code written without it is taken for sure.
        left_out: Mean log odds, against any mask, of each demonstration's mask by the others
            [nats]; 0 where there are no others. Not kept.
    """

    placing: Agreement | None = None
    arrangement: Agreement | None = None
    patterns: tuple[torch.Tensor, ...] = ()
    members: bool = False
    counting: Agreement | None = None
    rules: Rules | None = None
    rule_share: float = 0.0
    circumstances: tuple[float, ...] = ()
    confidence: float = 1.0
    log_odds_identified: float = SURE
    left_out: float = 0.0

    @property
    def outcome(self) -> Agreement | None:
        """What is said of where things go: of the one subject or of the arrangement."""
        return self.placing or self.arrangement

    @property
    def form_log_odds(self) -> float:
        """Log odds that things that are shown once, and stand still, are meant for their form.

        That they stand so by chance is the less likely the rarer the form. Of several
        demonstrations each tells by the others what is meant.
        """
        form = self.arrangement
        return form.score if form is not None and form.bounds.shots == 1 else -math.inf

    @property
    def reads_heights(self) -> bool:
        """Whether it says how high things stand, or on what."""
        return self.outcome is not None and self.outcome.reads_heights

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads."""
        found: dict[str, Any] = {'schema': SCHEMA, 'members': self.members}
        for name in ('confidence', 'log_odds_identified'):
            found[name] = _rounded([getattr(self, name)])[0]
        if self.circumstances:
            found['circumstances'] = _rounded(self.circumstances)
        for name in ('placing', 'arrangement', 'counting'):
            part = getattr(self, name)
            if part is not None:
                found[name] = _agreement_to_dict(part)
        if self.patterns:
            found['patterns'] = [_rounded(p.flatten().tolist()) for p in self.patterns]
        if self.rules is not None:
            found |= {'rules': self.rules.to_json(), 'rule_share': _rounded([self.rule_share])[0]}
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AgreementCode:
        """Return the code that `to_dict` wrote.

        Raises:
            CodeError: if it is of another schema or damaged.
        """
        try:
            if values['schema'] != SCHEMA:
                raise CodeError(
                    f'the code has schema {values["schema"]!r}; this version reads {SCHEMA}: '
                    'infer it again from its demonstrations'
                )
            parts: dict[str, Any] = {
                name: _agreement_from_dict(values[name])
                for name in ('placing', 'arrangement', 'counting')
                if name in values
            }
            patterns = tuple(
                torch.tensor(p, dtype=torch.float32).reshape(-1, 2)
                for p in values.get('patterns', ())[:_MOST_PATTERNS]
            )
            rules = Rules.from_json(values['rules']) if 'rules' in values else None
            share = float(values.get('rule_share', 0.0))
            confidence = float(values['confidence'])
            if not 0 <= confidence <= 1:
                raise CodeError(f'the confidence of a code is {confidence:g}; expected 0 to 1')
            shown = tuple(float(each) for each in values.get('circumstances', ()))
            if len(shown) not in (0, 4) or not all(0 < each < 1 for each in shown):
                raise CodeError(
                    f'the circumstances of a code are {shown}; expected 4 numbers between 0 and 1'
                )
            identified = _finite(float(values.get('log_odds_identified', SURE)))
            return cls(**parts, patterns=patterns, members=bool(values['members']), rules=rules,
                       rule_share=share, circumstances=shown, confidence=confidence,
                       log_odds_identified=identified)  # fmt: skip
        except CodeError:
            raise
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise CodeError(f'a code of agreements is damaged: {error!r}') from error

    def to_numbers(self) -> np.ndarray:
        """Return the code as float32 numbers: its JSON text, three bytes in each."""
        text = json.dumps(self.to_dict(), separators=(',', ':')).encode()
        padded = text + b' ' * (-len(text) % _BYTES_PER_NUMBER)
        digits = np.frombuffer(padded, dtype=np.uint8).reshape(-1, _BYTES_PER_NUMBER)
        return (digits @ np.array([1, 256, 65536])).astype(np.float32)

    @classmethod
    def from_numbers(cls, numbers: np.ndarray) -> AgreementCode:
        """Return the code that `to_numbers` wrote.

        Raises:
            CodeError: if the numbers are none of it.
        """
        values = np.asarray(numbers, dtype=np.float64)
        if not ((values >= 0) & (values < 256**_BYTES_PER_NUMBER) & (values % 1 == 0)).all():
            raise CodeError('the numbers are no code: expected whole numbers below 2^24')
        whole = values.astype(np.int64)
        digits = np.stack([whole % 256, whole // 256 % 256, whole // 65536], axis=-1)
        try:
            found = json.loads(digits.astype(np.uint8).tobytes())
        except (ValueError, RecursionError) as error:
            raise CodeError(f'the numbers are no code: {error}') from error
        if not isinstance(found, dict):
            raise CodeError('the numbers are no code: expected an object')
        return cls.from_dict(found)


def _agreement_to_dict(agreement: Agreement) -> dict[str, Any]:
    bounds = agreement.bounds
    found: dict[str, Any] = {
        'count': list(agreement.count),
        'score': _rounded([agreement.score])[0],
        'support': _rounded([agreement.support])[0],
        'shots': bounds.shots,
        'measurements': [
            spec
            if isinstance(spec, str)
            else [spec.kind, list(spec.anchors), _rounded(spec.parameters)]
            for spec in agreement.specs
        ],
    }
    for name in _COLUMNS:
        found[name] = _rounded(getattr(bounds, name).tolist())
    return found


def _agreement_from_dict(values: Mapping[str, Any]) -> Agreement:
    specs = tuple(_spec_from_plain(spec) for spec in values['measurements'])
    columns = {name: torch.tensor(values[name]) for name in _COLUMNS}
    clauses = len(columns['relevance'])
    for name, column in columns.items():
        expected = clauses if name in PER_CLAUSE else len(specs)
        if column.shape != (expected,) or not torch.isfinite(column.float()).all():
            raise CodeError(f'{name} of a code are not {expected} finite numbers')
        columns[name] = column.long() if name in _INTEGERS else column.float()
    if specs and not 0 <= int(columns['clause'].min()) <= int(columns['clause'].max()) < clauses:
        raise CodeError(f'clause of a code must be below {clauses}')
    fewest, most = (int(each) for each in values['count'])
    bounds = Bounds(index=torch.arange(len(specs)), shots=int(values['shots']), **columns)
    found = Agreement(
        specs, bounds, (fewest, most), float(values['score']), float(values['support'])
    )
    _ = found.measurements  # unknown names are refused here
    return found


def _spec_from_plain(value: Any) -> str | Fitted:
    if isinstance(value, str):
        return value
    kind, anchors, parameters = value
    return Fitted(str(kind), tuple(map(str, anchors)), tuple(float(p) for p in parameters))


def _rounded(values: Sequence[float]) -> list[float]:
    """Return values to six digits: bounds are not known better, and text stays short."""
    return [v if isinstance(v, int) else float(f'{_finite(v):.6g}') for v in values]


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.copysign(1e9, value)
