"""The client under its former name; new programs import it from `concept_control.ros.client`."""

from concept_control.ros.client.commander import ConceptCommander, Outcome

__all__ = ['ConceptCommander', 'Outcome']
