"""Teach a robot concepts by an energy, and act on them by model-predictive control."""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# In a checkout the generated `msg` modules live in the install tree.
__path__ = extend_path(__path__, __name__)

__version__ = '0.1.0'
__all__ = ['ConceptCode', 'ConceptModel', 'Events', 'concepts']

if TYPE_CHECKING:
    from concept_control import concepts
    from concept_control.energy.code import ConceptCode
    from concept_control.energy.model import ConceptModel
    from concept_control.world.events import Events

_HOMES = {
    'ConceptCode': 'concept_control.energy.code',
    'ConceptModel': 'concept_control.energy.model',
    'Events': 'concept_control.world.events',
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: a node that only moves images about need not load torch.
    if name == 'concepts':
        return import_module('concept_control.concepts')
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
