"""Every exception the package raises on purpose, under one base class."""


class ConceptControlError(Exception):
    """Base of all errors of this package; its text is the message a user reads."""


class EventError(ConceptControlError, ValueError):
    """Events whose shapes, masks or values are not what the contract allows."""


class CodeError(ConceptControlError, ValueError):
    """A concept code whose shape or values do not fit the model."""


class ModelError(ConceptControlError):
    """A model file that is missing, tampered with or of an unknown schema."""


class ExpressionError(ConceptControlError, ValueError):
    """A concept expression that cannot be parsed."""


class UnknownConceptError(ExpressionError):
    """A concept name that is not in the library."""


class GroundingError(ConceptControlError):
    """An expression that parses but finds nothing in the scene to act on."""


class LibraryError(ConceptControlError):
    """A concept library file that cannot be read or written."""


class ArmError(ConceptControlError, ValueError):
    """An arm description that cannot be used for control."""


class CommandError(ConceptControlError, ValueError):
    """A command that must not reach the robot."""


class StrokeError(ConceptControlError, ValueError):
    """A drawn line, or a policy for drawing one, that cannot be used."""


class PerceptionError(ConceptControlError, ValueError):
    """An image, depth map or calibration that cannot be used."""


class MissingDependencyError(ConceptControlError, ImportError):
    """A feature whose optional dependency is not installed."""


class BagError(ConceptControlError):
    """A recorded bag that cannot be read, or holds nothing to work on."""


class StudioError(ConceptControlError, ValueError):
    """What was asked of the studio's table or lesson cannot be done."""
