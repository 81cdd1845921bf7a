"""The command language: `between(red; blue, green) and not near(red; yellow)`.

Grammar (EBNF); names and words are case-insensitive:

    expression = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor     = "not" factor | [ weight "*" ] ( term | "(" expression ")" )
    term       = name "(" selectors [ ";" selectors ] ")"
    selectors  = selector { "," selector }
    selector   = name | "#" id | "tool" | "all" | term

Before the semicolon stand the subjects, the entities that move; after it the arguments, the
entities the concept is about. This file knows only the text; `grounding.py` knows the scene.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from concept_control.errors import ExpressionError

MAX_LENGTH = 2000
"""Most characters of an expression."""

MAX_DEPTH = 20
"""Deepest nesting of an expression."""

RESERVED = ('and', 'or', 'not', 'tool', 'all')
"""Words of the language that cannot name a concept."""

_TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<id>#\d+)|'
    r'(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[();,*]))'
)


@dataclass(frozen=True)
class Named:
    """A selector that identifies by a concept without arguments: `red`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ById:
    """A selector that names one entity: `#3`."""

    id: int

    def __str__(self) -> str:
        return f'#{self.id}'


@dataclass(frozen=True)
class Tool:
    """The selector `tool`: the robot's end effector."""

    def __str__(self) -> str:
        return 'tool'


@dataclass(frozen=True)
class All:
    """The selector `all`: every entity on the table that the term does not name elsewhere.

    In a nested expression neither those that the term around it names: in
    `near(red; square(all))` the red one is no part of the square.
    """

    def __str__(self) -> str:
        return 'all'


@dataclass(frozen=True)
class Term:
    """A concept applied to selectors; as a selector it names what the concept identifies."""

    name: str
    subjects: tuple[Selector, ...]
    arguments: tuple[Selector, ...] = ()
    weight: float = 1.0

    def __str__(self) -> str:
        inside = ', '.join(map(str, self.subjects))
        if self.arguments:
            inside += '; ' + ', '.join(map(str, self.arguments))
        weight = '' if self.weight == 1.0 else f'{self.weight!r}*'
        return f'{weight}{self.name}({inside})'


Selector = Named | ById | Tool | All | Term

TermRoles = tuple[Term, tuple[int, ...], tuple[int, ...]]
"""A term, the ids of its subjects and the ids of its arguments."""


@dataclass(frozen=True)
class And:
    """All parts hold: the sum of their energies."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return ' and '.join(f'({p})' if isinstance(p, And | Or) else str(p) for p in self.parts)


@dataclass(frozen=True)
class Or:
    """One part holds: the soft minimum of their energies."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return ' or '.join(f'({p})' if isinstance(p, Or) else str(p) for p in self.parts)


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Expression

    def __str__(self) -> str:
        return f'not ({self.part})' if isinstance(self.part, And | Or) else f'not {self.part}'


Expression = Term | And | Or | Not


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: with the place of the mistake and what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f'the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed'
        )
    return _Parser(text).parse()


def terms(expression: Expression) -> Iterator[Term]:
    """Yield the terms of an expression from left to right, nested selectors left out."""
    match expression:
        case Term():
            yield expression
        case Not(part):
            yield from terms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part)


def concept_names(expression: Expression) -> tuple[str, ...]:
    """Return the names of all concepts that are used, selectors included, each once."""

    def in_selector(selector: Selector) -> Iterator[str]:
        if isinstance(selector, Named | Term):
            yield selector.name
        if isinstance(selector, Term):
            for inner in selector.subjects + selector.arguments:
                yield from in_selector(inner)

    return tuple(dict.fromkeys(name for term in terms(expression) for name in in_selector(term)))


def uses_tool(expression: Expression) -> bool:
    """Tell whether the tool is named anywhere, nested selectors included."""
    return any(
        mentions(selector, Tool)
        for term in terms(expression)
        for selector in term.subjects + term.arguments
    )


def mentions(selector: Selector, kind: type[Tool] | type[All]) -> bool:
    """Tell whether a selector is, or holds in its nesting, `tool` or `all`."""
    if isinstance(selector, Term):
        return any(mentions(inner, kind) for inner in selector.subjects + selector.arguments)
    return isinstance(selector, kind)


def argument_alternatives(
    term: Term, arguments: tuple[int, ...], most: int | None
) -> tuple[tuple[int, ...], ...]:
    """Return the alternative arguments of a term; it holds if it holds for one of them.

    Near a square is near any one of its members: a nested expression may name several things
    where the concept is about one. Every other term has one alternative.

    Args:
        term: Term whose arguments they are.
        arguments: Ids that its selectors name.
        most: Most arguments that its concept takes; None for any number.
    """
    is_nested = len(term.arguments) == 1 and isinstance(term.arguments[0], Term)
    if is_nested and most == 1 and arguments:
        return tuple((i,) for i in arguments)
    return (arguments,)


def reweighted(expression: Expression, weight: Callable[[Term], float]) -> Expression:
    """Return the expression with other weights, each asked for its term from left to right."""
    match expression:
        case Term():
            return replace(expression, weight=weight(expression))
        case Not(part):
            return Not(reweighted(part, weight))
        case And(parts) | Or(parts):
            return type(expression)(tuple(reweighted(part, weight) for part in parts))


class _Parser:
    """Recursive descent over the tokens, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                self._fail(start, f'unexpected character {text[start]!r}')
            kind = str(match.lastgroup)
            self.tokens.append((kind, match.group(kind), match.start(kind)))
            position = match.end()
        self.tokens.append(('end', '', end))
        self.index = 0
        self.depth = 0

    def parse(self) -> Expression:
        if self.tokens[0][0] == 'end':
            raise ExpressionError(
                'the expression is empty; try for example "between(red; blue, green)"'
            )
        expression = self._expression()
        if self._kind() != 'end':
            self._fail(self._start(), f'unexpected {self._text()!r} after the end')
        return expression

    def _expression(self) -> Expression:
        parts = [self._conjunction()]
        while self._accept_word('or'):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self) -> Expression:
        parts = [self._factor()]
        while self._accept_word('and'):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _factor(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(self._start(), f'nested deeper than {MAX_DEPTH}')
        try:
            if self._accept_word('not'):
                return Not(self._factor())
            weight = 1.0
            if self._kind() == 'number':
                start = self._start()
                weight = float(self._take())
                if not 0.0 < weight < float('inf'):
                    self._fail(start, f'a weight must be a finite number > 0, got {weight:g}')
                self._expect('*', 'between a weight and its concept')
            if self._accept('('):
                expression = self._expression()
                self._expect(')', 'to close the parenthesis')
            else:
                expression = self._term()
            return reweighted(expression, lambda term: weight * term.weight)
        finally:
            self.depth -= 1

    def _term(self) -> Term:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(self._start(), f'nested deeper than {MAX_DEPTH}')
        if self._kind() != 'name' or self._text().lower() in RESERVED:
            self._fail(self._start(), f'expected a concept, found {self._text() or "the end"!r}')
        name = self._take().lower()
        self._expect('(', f'after {name!r}: a concept is applied to things, e.g. {name}(red)')
        subjects = self._selectors()
        arguments: tuple[Selector, ...] = ()
        if self._accept(';'):
            arguments = self._selectors()
        self._expect(')', f'to close {name}(')
        self.depth -= 1
        return Term(name, subjects, arguments)

    def _selectors(self) -> tuple[Selector, ...]:
        selectors = [self._selector()]
        while self._accept(','):
            selectors.append(self._selector())
        return tuple(selectors)

    def _selector(self) -> Selector:
        if self._kind() == 'id':
            return ById(int(self._take()[1:]))
        if self._kind() == 'name':
            word = self._text().lower()
            if word in ('tool', 'all'):
                self._take()
                return Tool() if word == 'tool' else All()
            if word not in RESERVED:
                if self.tokens[self.index + 1][1] == '(':
                    return self._term()
                return Named(self._take().lower())
        self._fail(
            self._start(),
            f'expected a thing (a concept that identifies such as red, an id such as #3, tool or '
            f'all), found {self._text() or "the end"!r}',
        )

    def _kind(self) -> str:
        return self.tokens[self.index][0]

    def _text(self) -> str:
        return self.tokens[self.index][1]

    def _start(self) -> int:
        return self.tokens[self.index][2]

    def _take(self) -> str:
        self.index += 1
        return self.tokens[self.index - 1][1]

    def _accept(self, mark: str) -> bool:
        if self._kind() == 'mark' and self._text() == mark:
            self.index += 1
            return True
        return False

    def _accept_word(self, word: str) -> bool:
        if self._kind() == 'name' and self._text().lower() == word:
            self.index += 1
            return True
        return False

    def _expect(self, mark: str, why: str) -> None:
        if not self._accept(mark):
            found = self._text() or 'the end'
            self._fail(self._start(), f'expected {mark!r} {why}, found {found!r}')

    def _fail(self, position: int, message: str) -> NoReturn:
        raise ExpressionError(f'{message}\n  {self.text}\n  {" " * position}^')
