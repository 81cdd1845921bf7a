"""Teach a robot concepts by an energy, and act on them by model-predictive control."""

from pkgutil import extend_path

# In a checkout the generated `msg` modules live in the install tree.
__path__ = extend_path(__path__, __name__)

__version__ = '0.1.0'

from concept_control import concepts
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.events import Events

__all__ = ['ConceptCode', 'ConceptModel', 'Events', 'concepts']
