"""Teach a robot concepts by an energy, and act on them by model-predictive control."""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# In a checkout the generated `msg` modules live in the install tree.
__path__ = extend_path(__path__, __name__)

__version__ = '0.1.0'
__all__ = [
    'Arrangement',
    'ConceptCode',
    'ConceptLibrary',
    'ConceptModel',
    'Events',
    'Tabletop',
    'arrange',
    'concepts',
]

if TYPE_CHECKING:
    from concept_control import concepts
    from concept_control.energy.code import ConceptCode
    from concept_control.energy.model import ConceptModel
    from concept_control.language.arrange import Arrangement, arrange
    from concept_control.language.library import ConceptLibrary
    from concept_control.world.events import Events
    from concept_control.world.tabletop import Tabletop

_HOMES = {
    'Arrangement': 'concept_control.language.arrange',
    'ConceptCode': 'concept_control.energy.code',
    'ConceptLibrary': 'concept_control.language.library',
    'ConceptModel': 'concept_control.energy.model',
    'Events': 'concept_control.world.events',
    'Tabletop': 'concept_control.world.tabletop',
    'arrange': 'concept_control.language.arrange',
}


def __dir__() -> list[str]:
    return sorted([*__all__, '__version__'])


def __getattr__(name: str) -> Any:
    # Looked up on first use: a node that only moves images about need not load torch.
    if name == 'concepts':
        return import_module('concept_control.concepts')
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
