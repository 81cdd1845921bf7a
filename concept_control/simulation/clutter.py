"""Random tables to try perception on: shapes, light, shadows, textures, touching blocks, the arm.

Unlike `scene`, which the robot works in, nothing here moves by physics: blocks stand where they
are put and the arm is posed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.control.arm.description import ArmDescription
from concept_control.simulation.scene import SceneError, add_cameras
from concept_control.world.boxes import OrientedBoxes
from concept_control.world.workspace import Workspace

SHAPES = ('box', 'cylinder', 'ball')
"""Shape classes, as in `Entity.shape`."""

_GEOMS = {
    'box': mujoco.mjtGeom.mjGEOM_BOX,
    'cylinder': mujoco.mjtGeom.mjGEOM_CYLINDER,
    'ball': mujoco.mjtGeom.mjGEOM_SPHERE,
}
MAX_ATTEMPTS = 3000
"""Number of places that are tried for a block."""

TEXTURE_PIXELS = 256
"""Width and height of the table's pattern [pixels]."""


NUM_BLOCKS = (2, 8)
"""Smallest and largest number of blocks."""

SIDES = (0.03, 0.05)
"""Smallest and largest side of a block [m]."""

SHAPE_WEIGHTS = (0.7, 0.2, 0.1)
"""Probabilities of the `SHAPES`."""

TOUCHING, SAME_COLOR = 0.2, 0.15
"""Probabilities that a block is put against an earlier one, and that it has an earlier colour."""

STACKED, MAX_OFFSET, MAX_STACK = 0.7, 0.2, 0.24
"""Probability that a block of a table with stacks is put on another, its largest offset along x
and y over the side of that one, and the largest height of a stack [m]."""

BRIGHTNESS = (0.6, 1.4)
"""Smallest and largest brightness of a white surface facing up; above 1 it is over-exposed."""


@dataclass(frozen=True)
class Clutter:
    """A random table and the truth about it; N blocks.

    Attributes:
        model: MuJoCo model, with cameras `top` and `oblique` and geoms `block_1` ….
        data: State of the model, positions computed.
        positions: (N, 3) centres of the blocks, world frame [m].
        yaws: (N,) angles about the vertical [rad]; 0 for round ones.
        sizes: (N, 3) side lengths [m].
        colors: (N, 3) albedo, RGB in [0, 1].
        shapes: Shape classes, among `SHAPES`.
        table_color: (3,) mean albedo of the table.
        neighbours: (N,) index of the earlier block that a block was put against, -1 for none.
        carriers: (N,) index of the block that a block stands on, -1 for the table.
        robot: Boxes around the parts of the arm.
        is_shaded: (N,) whether something keeps a lamp's light from the middle of the upper face.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    positions: np.ndarray
    yaws: np.ndarray
    sizes: np.ndarray
    colors: np.ndarray
    shapes: list[str]
    table_color: np.ndarray
    neighbours: np.ndarray
    carriers: np.ndarray
    robot: OrientedBoxes
    is_shaded: np.ndarray


def random_clutter(
    rng: np.random.Generator, has_arm: bool = True, has_stacks: bool = False
) -> Clutter:
    """Draw a table.

    Args:
        rng: Random generator.
        has_arm: Whether the arm hangs over the table at random; else it stands aside.
        has_stacks: Whether blocks stand on one another.

    Raises:
        SceneError: If the blocks do not fit on the table.
    """
    num = int(rng.integers(NUM_BLOCKS[0], NUM_BLOCKS[1] + 1))
    shapes = [str(name) for name in rng.choice(SHAPES, num, p=SHAPE_WEIGHTS)]
    sizes = np.repeat(rng.uniform(*SIDES, num)[:, None], 3, axis=1)
    arm = ArmDescription.load()
    xy, yaws, neighbours = _layout(rng, arm.workspace, sizes[:, 0], shapes)
    colors = _colors(rng, num)
    positions, carriers = np.column_stack([xy, sizes[:, 2] / 2]), np.full(num, -1)
    if has_stacks:
        carriers = _stack(rng, positions, sizes[:, 0], shapes)
        moved = carriers >= 0
        neighbours[moved | np.isin(neighbours, np.flatnonzero(moved))] = -1

    spec = arm.spec()
    table_color = _add_table(spec, rng)
    _add_lights(spec, rng)
    add_cameras(spec, arm.workspace)
    spec.stat.center = [0.48, 0.0, 0.2]
    for i, shape in enumerate(shapes):
        half = 0.5 * sizes[i]
        size = {'box': half, 'cylinder': [half[0], half[2], 0.0], 'ball': [half[0], 0.0, 0.0]}
        spec.worldbody.add_geom(
            name=f'block_{i + 1}',
            type=_GEOMS[shape],
            size=size[shape],
            pos=positions[i],
            quat=[np.cos(yaws[i] / 2), 0.0, 0.0, np.sin(yaws[i] / 2)],
            rgba=[*colors[i], 1.0],
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    top = float((positions[:, 2] + sizes[:, 2] / 2).max())
    q = _pose_arm(rng, arm, model, data, top if has_arm else None)
    return Clutter(
        model,
        data,
        positions,
        yaws,
        sizes,
        colors,
        shapes,
        table_color,
        neighbours,
        carriers,
        _arm_boxes().at(q),
        _shaded(model, data, positions + 0.5 * sizes * (0, 0, 1)),
    )


def _shaded(model: mujoco.MjModel, data: mujoco.MjData, tops: np.ndarray) -> np.ndarray:
    """Return (N,) whether something stands between (N, 3) places and a lamp."""
    shaded = np.zeros(len(tops), dtype=bool)
    for lamp in np.flatnonzero(model.light_castshadow):
        towards = -data.light_xdir[lamp]
        for index, top in enumerate(tops):
            distance = mujoco.mj_ray(
                model, data, top + 1e-3 * towards, towards, None, 1, -1, np.zeros(1, np.int32)
            )
            shaded[index] |= distance >= 0
    return shaded


def _layout(
    rng: np.random.Generator,
    workspace: Workspace,
    sides: np.ndarray,
    shapes: list[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw (N, 2) centres, (N,) yaws and (N,) neighbours; some blocks stand face to face."""
    num = len(sides)
    neighbours = np.full(num, -1)
    xy, yaws = np.zeros((num, 2)), rng.uniform(-np.pi / 4, np.pi / 4, num)
    radii = np.array(
        [side / 2 * (np.sqrt(2) if shape == 'box' else 1.0) for side, shape in zip(sides, shapes)]
    )
    span = 1.0 - 0.03 / workspace.half_extent
    for i in range(num):
        neighbour = int(rng.integers(i)) if i and rng.random() < TOUCHING else -1
        for _ in range(MAX_ATTEMPTS):
            if neighbour >= 0:
                yaws[i] = yaws[neighbour]
                angle = yaws[i] + rng.integers(4) * np.pi / 2
                forward = np.array([np.cos(angle), np.sin(angle)])
                slide = rng.uniform(-0.4, 0.4) * sides[i]
                if 'box' not in (shapes[i], shapes[neighbour]):
                    slide = 0.0
                reach = 0.5 * (sides[i] + sides[neighbour]) + 0.0005
                sideways = np.array([-forward[1], forward[0]])
                xy[i] = xy[neighbour] + reach * forward + slide * sideways
            else:
                xy[i] = workspace.to_world(rng.uniform(-span, span, 2))
            others = [j for j in range(i) if j != neighbour]
            gaps = np.linalg.norm(xy[others] - xy[i], axis=1) - radii[others] - radii[i]
            if (gaps > 0.004).all() and (np.abs(workspace.to_workspace(xy[i])) < span).all():
                neighbours[i] = neighbour
                break
            if neighbour >= 0 and rng.random() < 0.1:
                neighbour = -1
        else:
            raise SceneError(f'no room for {num} blocks of {sides.max():.3f} m on the table')
    yaws[[shape != 'box' for shape in shapes]] = 0.0
    return xy, yaws, neighbours


def _stack(
    rng: np.random.Generator, positions: np.ndarray, sides: np.ndarray, shapes: list[str]
) -> np.ndarray:
    """Put some blocks, by changing (N, 3) positions, on others; return (N,) who carries each."""
    num, carriers = len(sides), np.full(len(sides), -1)
    for i in rng.permutation(num):
        free = [j for j in range(num) if j != i and j not in carriers and shapes[j] != 'ball']
        if i in carriers or shapes[i] == 'ball' or not free or rng.random() > STACKED:
            continue
        below = int(rng.choice(free))
        place = positions[below] + (0.0, 0.0, 0.5 * (sides[below] + sides[i]))
        place[:2] += rng.uniform(-MAX_OFFSET, MAX_OFFSET, 2) * sides[below]
        gaps, reach = np.abs(positions - place), 0.5 * (sides + sides[i])
        is_level = gaps[:, 2] < 0.99 * reach
        is_beside = np.hypot(gaps[:, 0], gaps[:, 1]) < 1.5 * reach
        is_beside[[i, below]] = False
        if place[2] + 0.5 * sides[i] < MAX_STACK and not (is_level & is_beside).any():
            positions[i], carriers[i] = place, below
    return carriers


def _colors(rng: np.random.Generator, num: int) -> np.ndarray:
    """Draw (N, 3) albedos: saturated, pale, white, grey and black ones."""
    colors = np.zeros((num, 3))
    for i in range(num):
        if i and rng.random() < SAME_COLOR:
            colors[i] = colors[rng.integers(i)]
        elif rng.random() < 0.2:
            colors[i] = rng.choice([0.06, 0.5, 0.7, 0.95])
        else:
            # Any hue, bright enough to have one.
            wheel = np.abs((rng.uniform(0, 6) - np.array([3.0, 2.0, 4.0]) + 3.0) % 6.0 - 3.0)
            wheel = np.clip([wheel[0] - 1.0, 2.0 - wheel[1], 2.0 - wheel[2]], 0.0, 1.0)
            pale = rng.uniform(0.0, 0.3)
            colors[i] = rng.uniform(0.5, 1.0) * (pale + (1.0 - pale) * wheel)
    return colors


def _add_table(spec: mujoco.MjSpec, rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(0.2, 0.6) * (1.0 + rng.uniform(-0.15, 0.15, 3))
    spec.worldbody.add_geom(
        name='table',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.6, 0.6, 0.02],
        pos=[0.45, 0.0, -0.02],
        rgba=[1.0, 1.0, 1.0, 1.0],
        material='pattern',
    )
    pixels = _pattern(rng) * base
    texture = np.clip(pixels * 255.0, 0, 255).astype(np.uint8)
    asset = spec.add_texture(
        name='pattern',
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=TEXTURE_PIXELS,
        height=TEXTURE_PIXELS,
        nchannel=3,
    )
    asset.data = texture.tobytes()
    roles = [''] * int(mujoco.mjtTextureRole.mjNTEXROLE)
    roles[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = 'pattern'
    spec.add_material(name='pattern', textures=roles, texrepeat=[1, 1], texuniform=False)
    return texture.reshape(-1, 3).mean(axis=0) / 255.0


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Draw a (T, T, 3) pattern with mean about 1: checks, planks or blotches."""
    v, u = np.mgrid[0:TEXTURE_PIXELS, 0:TEXTURE_PIXELS] / TEXTURE_PIXELS
    kind = rng.integers(3)
    if kind == 0:
        num = int(rng.integers(4, 30))
        pattern = ((np.floor(u * num) + np.floor(v * num)) % 2) * 2.0 - 1.0
    elif kind == 1:
        shades = rng.uniform(-1, 1, int(rng.integers(5, 15)))
        pattern = shades[(u * len(shades)).astype(int)] + 0.3 * np.sin(60 * v + 8 * np.sin(9 * u))
    else:
        pattern = np.zeros_like(u)
        for scale in (2, 4, 8, 16, 32):
            phase = rng.uniform(0, 2 * np.pi, 4)
            turn = rng.uniform(0, 2 * np.pi)
            along = u * np.cos(turn) + v * np.sin(turn)
            pattern += np.sin(2 * np.pi * scale * along + phase[0] + 2 * np.sin(7 * v + phase[1]))
        pattern /= 3.0
    tint = 1.0 + rng.uniform(-0.1, 0.1, 3)
    return 1.0 + rng.uniform(0.05, 0.3) * np.clip(pattern, -1, 1)[..., None] * tint


def _add_lights(spec: mujoco.MjSpec, rng: np.random.Generator) -> None:
    """Share a random brightness between ambient light, headlight and lamps."""
    brightness = rng.uniform(*BRIGHTNESS)
    ambient, headlight, lamps = brightness * rng.dirichlet([3.0, 1.0, 4.0])
    tint = 1.0 + rng.uniform(-0.05, 0.05, 3)
    spec.visual.headlight.ambient = ambient * tint
    spec.visual.headlight.diffuse = headlight * tint
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.visual.quality.shadowsize = 2048
    num = int(rng.integers(1, 4))
    shares = rng.dirichlet(np.ones(num)) * lamps
    for share in shares:
        azimuth, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9)
        aside = np.sin(tilt) * np.array([np.cos(azimuth), np.sin(azimuth)])
        away = np.array([*aside, np.cos(tilt)])
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=np.array([0.48, 0.0, 0.0]) + 2.0 * away,
            dir=-away,
            diffuse=share / np.cos(tilt) * tint,
            specular=np.full(3, rng.uniform(0.0, 0.2)),
            castshadow=True,
        )


def _pose_arm(
    rng: np.random.Generator,
    arm: ArmDescription,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    top: float | None,
) -> np.ndarray:
    """Bend the arm over the table at random, above a height, or turn it away; return q."""
    joints = [model.joint(name).id for name in arm.joints]
    addresses = model.jnt_qposadr[joints]
    own = model.geom_bodyid != 0
    for _ in range(200):
        q = arm.home.copy()
        if top is not None:
            q += rng.uniform(-1.0, 1.0, len(q)) * np.array([0.7, 0.5, 0.3, 0.5, 0.3, 0.4, 0.8])
        else:
            q[0] = np.pi / 2
        data.qpos[addresses] = np.clip(q, arm.position_limits[:, 0], arm.position_limits[:, 1])
        mujoco.mj_forward(model, data)
        low = data.geom_xpos[own, 2] - model.geom_rbound[own]
        over = low[np.hypot(*data.geom_xpos[own, :2].T) > 0.2]
        if top is None or over.size == 0 or over.min() > top + 0.03:
            return data.qpos[addresses].copy()
    raise SceneError('found no pose of the arm above the blocks')


@cache
def _arm_boxes() -> ArmBoxes:
    return ArmBoxes(ArmDescription.load())
