"""Names: what a concept may be called."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from concept_control.errors import ConceptControlError, LibraryError
from concept_control.language.expression import RESERVED, ById, Term, parse
from concept_control.language.library import check_name


@given(st.text(max_size=50))
@example('not _')
@example('2.0*_')
def test_a_name_is_taken_exactly_where_expressions_can_use_it(name):
    try:
        is_usable = parse(f'{name}(#1)') == Term(name, (ById(1),)) and len(name) <= 40
    except ConceptControlError:
        is_usable = False
    try:
        check_name(name, replace=True)
    except LibraryError:
        assert not is_usable
    else:
        assert is_usable


def test_names_that_are_taken_are_refused_unless_replaced():
    for name, complaint in (('red', 'shipped'), ('mine', 'taught before')):
        with pytest.raises(LibraryError, match=complaint):
            check_name(name, ['mine'])
        check_name(name, ['mine'], replace=True)
    for name in RESERVED:
        with pytest.raises(LibraryError, match='command language'):
            check_name(name, replace=True)
