"""Things that are known before they are seen: a YAML file with their sizes, colours and tags.

tags: {family: 36h11, size: 0.03}        # side of the black square [m]
things:
cup: {size: [0.04, 0.04, 0.06], color: red, tag: 7}
box: {size: [0.05, 0.05, 0.05], color: [0.2, 0.2, 0.8], class: carton}
post: {size: [0.04, 0.04, 0.1], color: white, position: [0.5, 0.1, 0.05]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from concept_control.errors import PerceptionError
from concept_control.input_files import check_fields, read_yaml
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import EntityState

FAMILIES = ('16h5', '25h9', '36h10', '36h11')
"""Families of AprilTags that OpenCV knows."""

_Length = Annotated[float, Field(gt=0.0, le=2.0)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Tags(BaseModel):
    """The tags on things.

    Attributes:
        family: Family, one of `FAMILIES`.
        size: Side of a tag's black square [m].
    """

    model_config = ConfigDict(extra='forbid', frozen=True)
    family: str = '36h11'
    size: _Length

    @field_validator('family')
    @classmethod
    def _check_family(cls, family: str) -> str:
        if family not in FAMILIES:
            raise ValueError(f'expected one of {", ".join(FAMILIES)}')
        return family


class KnownThing(BaseModel):
    """What is known of one thing, or of things of one kind.

    Attributes:
        size: Sides along its own axes [m].
        color: RGB in [0, 1]; in the file also a word for a colour.
        shape: Shape, as in `msg/Entity`.
        tag: Number of the tag in the middle of its upper face; None for none.
        kind: Class by which a detector calls it, `class` in the file; empty for none.
        position: Centre where it always stands, fixed frame [m]; None where it is looked for.
        yaw: Angle about the vertical axis there [rad].
    """

    model_config = ConfigDict(extra='forbid', frozen=True, populate_by_name=True)
    size: tuple[_Length, _Length, _Length]
    color: tuple[_Share, _Share, _Share] = (0.5, 0.5, 0.5)
    shape: str = 'box'
    tag: Annotated[int, Field(ge=0)] | None = None
    kind: Annotated[str, Field(alias='class')] = ''
    position: tuple[float, float, float] | None = None
    yaw: float = 0.0

    @field_validator('color', mode='before')
    @classmethod
    def _named_color(cls, color: Any) -> Any:
        if isinstance(color, str) and color not in NAMED_COLORS:
            raise ValueError(f'expected RGB in [0, 1] or one of {", ".join(NAMED_COLORS)}')
        return NAMED_COLORS.get(color, color) if isinstance(color, str) else color

    def state(self) -> EntityState:
        """Return it as an entity where it always stands."""
        assert self.position is not None
        position, size, color = map(np.array, (self.position, self.size, self.color))
        return EntityState(position=position, size=size, color=color, yaw=self.yaw)


class KnownThings(BaseModel):
    """A file of known things.

    Attributes:
        things: What is known of each, by its name.
        tags: Tags on them; None without any.
    """

    model_config = ConfigDict(extra='forbid', frozen=True)
    things: Annotated[dict[str, KnownThing], Field(min_length=1, max_length=200)]
    tags: Tags | None = None

    @model_validator(mode='after')
    def _check_tags(self) -> KnownThings:
        tags = [thing.tag for thing in self.things.values() if thing.tag is not None]
        if tags and self.tags is None:
            raise ValueError('things have tags: say how large, as in `tags: {size: 0.03}`')
        if len(set(tags)) < len(tags):
            raise ValueError('a tag is on two things')
        return self

    @classmethod
    def load(cls, path: str | Path) -> KnownThings:
        """Read a file.

        Raises:
            PerceptionError: if it says something else.
        """
        path = Path(path).expanduser()
        return check_fields(cls, read_yaml(path, PerceptionError), path, PerceptionError)

    @property
    def by_tag(self) -> dict[int, KnownThing]:
        """The things that have a tag, by its number."""
        return {thing.tag: thing for thing in self.things.values() if thing.tag is not None}

    @property
    def by_class(self) -> dict[str, KnownThing]:
        """The things that have a class, by its name."""
        return {thing.kind: thing for thing in self.things.values() if thing.kind}

    @property
    def standing(self) -> dict[str, KnownThing]:
        """The things that always stand somewhere, by name."""
        return {name: thing for name, thing in self.things.items() if thing.position is not None}
