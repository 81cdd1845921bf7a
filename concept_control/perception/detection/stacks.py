"""Stacks: which pixels of a column are of which block, and on what each block stands.

A block begins where walls stop to look like what is just below an upper face: where they stand
elsewhere or have another colour. Where nothing of that is seen, a block stands on an upper face
at about the right height, or is as high as it is wide. What is no higher than one block may be
is two only if something of that is seen, or a whole upper face is too small for one that high.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from concept_control.perception.detection.block_region import FACE_DEPTH, GUESS_SIGMA, BlockRegion
from concept_control.perception.detection.chromaticity import compare_chromaticity
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.faces import SAME_CHROMA, Face, Resolution
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.seams import Wall
from concept_control.perception.detection.side_by_side import (
    TOUCHING,
    components,
    nearest_distance,
    side_by_side,
)
from concept_control.perception.detection.silhouette import fit_sphere

LEAST_SHARE = 0.8
"""Share of the smallest side from which something is as high as a block."""

FLATTEST, SLIMMEST = 0.6, 1.5
"""Heights of blocks over their widths, between which a lower face is looked for."""

WHOLE_ASPECT = 0.75
"""Width over length from which an upper face is taken to be seen wholly."""

BALL_GAP, BALL_BASE = 0.003, 0.005
"""Distance from a sphere of four fifths of what is seen, and of its lowest point from the table,
up to which it is a ball [m]; noise makes a ball flatter and lifts it."""

SEAM_NOISE = 0.004
"""Distance from a seam within which looks, not heights, say whose a pixel is [m]."""

SAME_LEVEL = 0.006
"""Difference of height up to which a lower face is taken to be on an upper one [m]."""

NEAR = 0.025
"""Distance from an upper face within which walls below it may be of its stack [m]."""

WHOLE_SHARE = 0.85
"""Share of the largest side within which two parts are of one upper face, without their rims."""

BESIDE_SHARE = 0.2
"""Share of a piece that is near no stack from which none of it is of one."""

MIN_FOREIGN = 10
"""Surplus of pixels of another block below one with an upper face, from which there is one."""

SEEN_SIGMA = 0.0005
"""Standard deviation of a lower face that is on a visible upper one [m]."""


class Columns:
    """The upper faces of a frame with all that may be below them.

    Args:
        view: Depth of the frame.
        chroma: (H, W, 3) chromaticity of its colours.
        candidates: (H, W) bool, pixels that may be of blocks.
        regions: Regions of a frame; those with an upper face have the label of that face, and
            may hold walls of blocks below. Changed in place.
        faces: Upper faces, from label 1 on.
        limits: Limits of what may be on the table.
        resolution: Resolution of the frame.
    """

    def __init__(
        self,
        view: DepthView,
        chroma: np.ndarray,
        candidates: np.ndarray,
        regions: list[BlockRegion],
        faces: list[Face],
        limits: BlockLimits,
        resolution: Resolution,
    ) -> None:
        self.view, self.chroma, self.limits = view, chroma, limits
        self.resolution, self.candidates = resolution, candidates
        self.least = LEAST_SHARE * limits.min_side
        has_face = [bool(region.is_top.any()) for region in regions]
        faced = [region for region, has in zip(regions, has_face) if has]
        self.faced = sorted(faced, key=lambda region: -region.height)
        self.pieces = [region for region, has in zip(regions, has_face) if not has]
        self.faces = {region.label: faces[region.label - 1] for region in self.faced}
        self.found = list(self.faced)
        self.next_label = 1 + max((region.label for region in regions), default=0)
        self.owner = np.zeros(candidates.shape, dtype=np.int32)
        self.pieces = [part for piece in self.pieces for part in self._parts(piece)]
        for region in self.faced:
            self.owner[region.rows, region.columns] = region.label

    @cached_property
    def loose(self) -> dict[int, tuple[np.ndarray, ...]]:
        """Rows and columns of what at first is nobody's, by the label of the face it is below."""
        rows, columns = np.nonzero(self.candidates & (self.owner == 0))
        xy, heights = self._places(rows, columns)
        nearest, best = np.zeros(len(rows), dtype=np.int32), np.full(len(rows), NEAR)
        for region in self.faced:
            distance = self.faces[region.label].distance(xy)
            nearer = (distance < best) & (heights < region.height + FACE_DEPTH)
            nearest[nearer], best[nearer] = region.label, distance[nearer]
        owner = np.zeros_like(self.owner)
        owner[rows, columns] = nearest
        for piece in self.pieces:
            # What is partly elsewhere stands beside, unless it is too high to stand alone.
            is_low = piece.height < self.limits.max_height
            if is_low and (owner[piece.rows, piece.columns] == 0).mean() > BESIDE_SHARE:
                owner[piece.rows, piece.columns] = 0
        return {region.label: np.nonzero(owner == region.label) for region in self.faced}

    def _parts(self, piece: BlockRegion) -> list[BlockRegion]:
        """Return what stands side by side in a piece without upper face."""
        parts = side_by_side(self.view, self.chroma, piece.rows, piece.columns, self.resolution)
        if len(parts) == 1:
            return [piece]
        return [self._piece(piece.rows[part], piece.columns[part]) for part in parts]

    def _piece(self, rows: np.ndarray, columns: np.ndarray) -> BlockRegion:
        """Return a new region without upper face."""
        height = float(np.percentile(self.view.height[rows, columns], 90))
        self.next_label += 1
        is_top = np.zeros(len(rows), dtype=bool)
        return BlockRegion(self.next_label - 1, rows, columns, is_top, height)

    def _places(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, 2) world x, y and (N,) heights above the table of pixels [m]."""
        return self.view.points(rows, columns)[:, :2], self.view.height[rows, columns]

    def separate(self) -> list[BlockRegion]:
        """Return regions of one block each, with their lower faces: who stands on whom is told.

        They are those with an upper face, from the highest to the lowest, then the others.
        """
        for region in self.faced:
            if len(region.rows):
                self._stand(region, self._width(region))
        for piece in self.pieces:
            left = self.owner[piece.rows, piece.columns] == 0
            # Without an upper face, a wall in the air is of no block.
            is_low = piece.height < self.limits.max_height
            if is_low and left.sum() >= self.resolution.min_region:
                piece.rows, piece.columns = piece.rows[left], piece.columns[left]
                piece.is_top = piece.is_top[left]
                self.found.append(piece)
        for region in self.found:
            if region.in_stack and len(region.rows):
                self._drop_specks(region)
        return [region for region in self.found if len(region.rows)]

    def _drop_specks(self, region: BlockRegion) -> None:
        """Take from a block what noise moved to it: pixels away from the others."""
        kept = components(region.rows, region.columns, self.resolution.min_seed) > 0
        region.rows, region.columns = region.rows[kept], region.columns[kept]
        region.is_top = region.is_top[kept]

    def _sides(self, region: BlockRegion) -> np.ndarray:
        """Return (2,) the sides of an upper face, the shorter one first [m]."""
        face = self.faces[region.label]
        depth = float(np.median(self.view.depth[region.rows, region.columns]))
        sight = self.view.directions[region.rows, region.columns].mean(axis=0)
        # What surely faces up lacks a rim of some pixels, which are longer along the sight.
        slant = np.abs(face.axes @ sight[:2]) / abs(sight[2])
        rim = 2.0 * self.resolution.radius * depth / self.view.focal * np.hypot(1.0, slant)
        return np.sort(2.0 * face.half + rim)

    def _width(self, region: BlockRegion) -> float:
        """Return about the width of the block of an upper face [m]."""
        limits = self.limits
        width = float(self._sides(region).mean())
        if not self._is_whole(region):
            # A block upon it hides one side more than the other; two faces as one are longer.
            short, long = self._sides(region)
            width = long if long < 1.3 * limits.max_side else short
        return float(np.clip(width, limits.min_side, limits.max_side))

    def _is_whole(self, region: BlockRegion) -> bool:
        """Tell whether an upper face is seen and about as long as it is wide."""
        if region.label not in self.faces:
            return False
        short, long = self._sides(region)
        return bool(short > WHOLE_ASPECT * long)

    def _stand(self, region: BlockRegion, width: float) -> None:
        """Find what a block stands on, and pass on what is below its lower face."""
        top, is_low = region.height, region.height < self.limits.max_height
        thinnest, thickest = self.least, SLIMMEST * self.limits.max_side
        if region.label in self.faces:
            thinnest, thickest = max(FLATTEST * width, self.least), SLIMMEST * width
            if is_low and (top < thickest or self._is_ball(region)):
                return
        if top < 2.0 * self.least:
            return
        rows, columns = region.rows, region.columns
        if region.label in self.loose:
            more = self.loose[region.label]
            rows, columns = (np.concatenate(pair) for pair in zip((rows, columns), more))
        xy, heights = self._places(rows, columns)
        is_own = np.arange(len(rows)) < len(region.rows)
        wall = Wall(xy, heights, self.chroma[rows, columns], top)
        num = MIN_FOREIGN if region.label in self.faces else self.resolution.min_region
        between = top - thickest, top - thinnest
        seam = wall.find_seam(between, self.least, num)
        if seam.height is not None or not is_low:
            seam = wall.find_level(seam, between, width, num)
        base = max(top - width, self.least) if seam.height is None else seam.height
        carriers = self._carriers(region, xy[is_own])
        if seam.height is not None:
            level = [c for c in carriers if abs(c.height - base) < SAME_LEVEL]
            sigma = SEEN_SIGMA if seam.is_level else self._seam_sigma(region)
            region.sigma = float(np.hypot(region.sigma, sigma))
        else:
            low = float(np.percentile(heights[is_own], 2))
            level = [
                carrier
                for carrier in carriers
                if thinnest < top - carrier.height < thickest
                and (not is_low or carrier.height < low + SAME_LEVEL)
            ]
            if is_low and not level and not self._is_whole(region):
                # It may be one block, most of whose upper face is hidden.
                return
            region.sigma, region.is_guessed = GUESS_SIGMA, not level
        if level:
            gaps = [abs(carrier.height - base) for carrier in level]
            base = level[int(np.argmin(gaps))].height
            region.sigma = SEEN_SIGMA
            level = self._united([c for c in level if abs(c.height - base) < SAME_LEVEL])
        region.base, region.in_stack = base, True
        for carrier in level:
            carrier.in_stack = True
        below = heights < base
        if seam.height is not None:
            # Noise moves pixels across the seam; it was found by what tells them apart.
            below = np.where(np.abs(heights - base) < SEAM_NOISE, seam.is_foreign, below)
        kept = ~below & (is_own | ~seam.is_foreign)
        is_top = np.pad(region.is_top, (0, len(rows) - len(region.rows)))
        self.owner[region.rows, region.columns] = 0
        region.rows, region.columns, region.is_top = rows[kept], columns[kept], is_top[kept]
        self.owner[region.rows, region.columns] = region.label
        self._pass_on(rows[below], columns[below], region, level, width)

    def _is_ball(self, region: BlockRegion) -> bool:
        """Tell whether a ball on the table explains all that is seen of a region."""
        points = self.view.points(region.rows, region.columns)
        center, radius = fit_sphere(points)
        gap = np.abs(np.linalg.norm(points - center, axis=1) - radius)
        is_on_table = abs(center[2] - self.limits.table_height - radius) < BALL_BASE
        return bool(is_on_table and np.percentile(gap, 80) < BALL_GAP)

    def _seam_sigma(self, region: BlockRegion) -> float:
        """Return the standard deviation of a seam on a wall, from the height of a pixel [m]."""
        sight = self.view.directions[region.rows, region.columns].mean(axis=0)
        depth = float(np.median(self.view.depth[region.rows, region.columns]))
        aslant = float(np.hypot(sight[0], sight[1]) / np.linalg.norm(sight))
        return 0.3 * depth / self.view.focal / max(aslant, 0.1)

    def _carriers(self, region: BlockRegion, xy: np.ndarray) -> list[BlockRegion]:
        """Return the blocks whose upper faces may carry a block seen at (N, 2) places."""
        found = []
        for other in self.faced:
            if len(other.rows) and other.height < region.height - self.least:
                gap = float(self.faces[other.label].distance(xy).min())
                if gap < TOUCHING:
                    found.append(other)
        return found

    def _pass_on(
        self,
        rows: np.ndarray,
        columns: np.ndarray,
        above: BlockRegion,
        carriers: list[BlockRegion],
        width: float,
    ) -> None:
        """Give what is below a block to what carries it, a carrier without upper face included."""
        xy, _ = self._places(rows, columns)
        colors = self.chroma[rows, columns]
        taken, best = np.zeros(len(rows), dtype=np.int32), np.full(len(rows), NEAR)
        for index, carrier in enumerate(carriers, start=1):
            face = self.faces[carrier.label]
            distance = face.distance(xy)
            shown = np.median(self.chroma[carrier.rows, carrier.columns], axis=0)
            is_alike = [compare_chromaticity(colors, tint)[1] for tint in (face.chroma, shown)]
            nearer = (is_alike[0] | is_alike[1]) & (distance < best)
            taken[nearer], best[nearer] = index, distance[nearer]
        for index, carrier in enumerate(carriers, start=1):
            self._add(carrier, rows[taken == index], columns[taken == index])
        rest = taken == 0
        if rest.sum() < self.resolution.min_region:
            return
        parts = self._parts(self._piece(rows[rest], columns[rest]))
        own, _ = self._places(above.rows, above.columns)
        is_near = [
            nearest_distance(self._places(part.rows, part.columns)[0], own) < TOUCHING
            for part in parts
        ]
        if any(is_near):
            self.pieces += [part for part, near in zip(parts, is_near) if not near]
            parts = [part for part, near in zip(parts, is_near) if near]
        piece = parts[0]
        for part in parts[1:]:
            self._add(piece, part.rows, part.columns)
        piece.height, piece.sigma, piece.in_stack = above.base, above.sigma, True
        self.owner[piece.rows, piece.columns] = piece.label
        self.found.append(piece)
        self._stand(piece, width)

    def _united(self, carriers: list[BlockRegion]) -> list[BlockRegion]:
        """Join upper faces that are parts of one, divided by what stands on it."""
        kept: list[BlockRegion] = []
        for carrier in sorted(carriers, key=lambda region: -len(region.rows)):
            face = self.faces[carrier.label]
            for other in kept:
                whole = self.faces[other.label]
                is_alike = np.abs(face.chroma[:2] - whole.chroma[:2]).sum() < SAME_CHROMA
                if is_alike and whole.extent_with(face.xy) < WHOLE_SHARE * self.limits.max_side:
                    self._add(other, carrier.rows, carrier.columns, carrier.is_top)
                    self.faces[other.label] = whole.joined(face)
                    pairs = zip(self.loose[other.label], self.loose.pop(carrier.label))
                    rows, columns = (np.concatenate(pair) for pair in pairs)
                    self.loose[other.label] = rows, columns
                    carrier.rows = carrier.columns = carrier.rows[:0]
                    break
            else:
                kept.append(carrier)
        return kept

    def _add(
        self,
        region: BlockRegion,
        rows: np.ndarray,
        columns: np.ndarray,
        is_top: np.ndarray | None = None,
    ) -> None:
        """Add pixels to a region, of walls unless they are told to be on top."""
        added = np.zeros(len(rows), dtype=bool) if is_top is None else is_top
        self.owner[rows, columns] = region.label
        region.rows = np.concatenate([region.rows, rows])
        region.columns = np.concatenate([region.columns, columns])
        region.is_top = np.concatenate([region.is_top, added])
