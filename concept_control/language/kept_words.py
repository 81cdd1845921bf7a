"""Codes of the shipped words, kept in the folder of taught ones for a quick start.

What is kept says what it came from: the words' demonstrations, and a digest of the weights and of
the sources of inference. Where either differs, or the file is damaged, words are inferred again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import concept_control.energy
from concept_control.concepts.vocabulary import NamedConcept
from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.both_energy import BothEnergy
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.language.library import (
    ConceptLibrary,
    LibraryConcept,
    concept_of_word,
    hash_events,
    learn_concept,
)
from concept_control.output_files import replacing

FILE = 'shipped_words.json'
SCHEMA = 1
"""Version of the file."""

_KEPT = ('demonstrations_hash', 'energy', 'by_appearance', 'sentences')


def learn_words(
    model: ConceptModel,
    folder: Path,
    names: Iterable[str] | None = None,
    num_demonstrations: int = 5,
    seed: int = 0,
    progress: Callable[[LibraryConcept], None] | None = None,
) -> ConceptLibrary:
    """Return the shipped words: those that are kept, and others learned and kept from then on.

    Args:
        model: Model that infers the codes.
        folder: Folder of taught concepts, where the codes are kept; where it cannot be written,
            nothing is kept.
        names: Names of the vocabulary; None for all that the model was trained for.
        num_demonstrations: Number of demonstrations of each word.
        seed: Seed of the demonstrations and of the inference.
        progress: Callback for each word as it is there.
    """
    function = model.energy_function
    if not isinstance(function, AgreementEnergy) or isinstance(function, BothEnergy):
        return ConceptLibrary.learn(model, names, num_demonstrations, seed, progress)
    path, digest = folder / FILE, f'{function.digest} {_sources()}'
    # All that codes follow from, beside demonstrations.
    digest = hashlib.sha256(digest.encode()).hexdigest()
    kept = _read(path, digest)
    has_changed = False

    def learn(word: NamedConcept) -> LibraryConcept:
        nonlocal has_changed
        concept = _as_kept(kept.get(word.name), model, word, num_demonstrations, seed)
        if concept is None:
            concept = learn_concept(model, word, num_demonstrations, seed)
            agreed = function.check(concept.code)
            values = {name: getattr(concept, name) for name in _KEPT}
            code = agreed.to_dict()
            kept[word.name] = values | {'seed': seed, 'code': code}
            # Rounded as in the file, so that every start has the same codes.
            concept = replace(concept, code=ConceptCode(agreement=AgreementCode.from_dict(code)))
            has_changed = True
        return concept

    library = ConceptLibrary.learn(model, names, num_demonstrations, seed, progress, learn)
    if has_changed:
        values = {'schema': SCHEMA, 'digest': digest, 'words': kept}
        # Where it cannot be written, the next start takes as long as this one.
        with contextlib.suppress(OSError), replacing(path) as file:
            file.write(json.dumps(values, indent=1).encode())
    return library


def _as_kept(
    values: dict[str, Any] | None, model: ConceptModel, word: NamedConcept, count: int, seed: int
) -> LibraryConcept | None:
    """Return a word as it was kept; None if it was not, or from other demonstrations."""
    if values is None:
        return None
    demonstrations = word.demonstrations(seed, count)
    try:
        if (values['demonstrations_hash'], values['seed']) != (hash_events(demonstrations), seed):
            return None
        known = {
            'code': ConceptCode(agreement=AgreementCode.from_dict(values['code'])),
            'energy': float(values['energy']),
            'by_appearance': bool(values['by_appearance']),
            'sentences': tuple(map(str, values['sentences'])),
        }
    except (ConceptControlError, KeyError, TypeError, ValueError):
        return None
    return concept_of_word(model, word, demonstrations, **known)


def _read(path: Path, digest: str) -> dict[str, dict[str, Any]]:
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
        is_ours = values['schema'] == SCHEMA and values['digest'] == digest
        return dict(values['words']) if is_ours else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    folder = Path(concept_control.energy.__path__[0])
    for path in sorted(folder.rglob('*.py')):
        digest.update(path.read_bytes())
    return digest.hexdigest()
