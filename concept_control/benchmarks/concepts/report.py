"""`concept_control benchmark concepts`: what is learned from a few demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from concept_control.benchmarks.concepts import (
    ccsp,
    composition,
    confidence,
    ftl_igm,
    queens,
    recognition,
    sampling,
    shown_once,
    speed,
    srem,
    teaching,
)
from concept_control.benchmarks.concepts import families as by_family
from concept_control.benchmarks.concepts.ablations import ablations
from concept_control.benchmarks.concepts.landscapes import GRID, QUICK_GRID, draw_landscapes
from concept_control.concepts import families, held_out_families
from concept_control.concepts.family import Family
from concept_control.concepts.registry import (
    first_contact_families,
    fourth_contact_families,
    second_contact_families,
    stacking_families,
    third_contact_families,
)
from concept_control.energy.model import ConceptModel
from concept_control.reports import intervals
from concept_control.reports.json_file import write_report
from concept_control.reports.report import Report
from concept_control.reports.tables import counted
from concept_control.training.confidence import SHOTS

Rows = Sequence[tuple[object, ...]]


@dataclass(frozen=True)
class ConceptsConfig:
    """What to measure, and where to write it.

    Attributes:
        sections: Names of the sections; empty measures all, without the ablations in a quick run.
        model: Folder of the model; None is the shipped one.
        quick: Whether to take a quarter of the concepts, and to train nothing.
        seed: Seed of concepts and scenes.
        concepts: Unseen concepts per family.
        ablation_seeds: Models trained per ablation.
        ablation_minutes: Training time of each of them [min].
        json: File for every number; None writes none.
        html: File for a page with tables and pictures; None writes none.
    """

    sections: tuple[str, ...] = ()
    model: Path | None = None
    quick: bool = False
    seed: int = 0
    concepts: int = 40
    ablation_seeds: int = 3
    ablation_minutes: float = 1.5
    json: Path | None = None
    html: Path | None = None

    def measures(self, section: Section) -> bool:
        """Return whether a section is asked for."""
        if self.sections:
            return section.name in self.sections
        return not (self.quick and section.name == 'ablations')

    def share(self, of: int, least: int) -> int:
        """Return one of so many parts of the concepts, but no fewer than `least`."""
        return max(self.concepts // of, least)


@dataclass(frozen=True)
class Section:
    """One part of the benchmark.

    Attributes:
        name: Name in `ConceptsConfig.sections`.
        title: Title of the table.
        note: What one must know to read the table.
        measure: Function from model and configuration to plain JSON values.
        header: Titles of the table's columns.
        rows: Function from what was measured to the table's rows.
    """

    name: str
    title: str
    note: str
    measure: Callable[[ConceptModel, ConceptsConfig], Any]
    header: tuple[str, ...]
    rows: Callable[[Any], Rows]


def run(config: ConceptsConfig) -> int:
    """Run the chosen sections; 0 if trained families generate and identify at 97 % at 5 shots."""
    if config.quick:
        config = replace(config, concepts=config.share(4, 4))
    model = ConceptModel.load(config.model)
    report = Report('Concepts from a few demonstrations')
    report.say(f'model {model.fingerprint}, one thread')
    found: dict[str, Any] = {'model': model.fingerprint}
    for section in filter(config.measures, SECTIONS):
        found[section.name] = section.measure(model, config)
        report.heading(section.title)
        report.say(section.note)
        report.cells(section.header, section.rows(found[section.name]))
        write_report(config.json, **found)
    if config.html:
        drawn, grid = families(), GRID
        if config.quick:
            drawn, grid = {name: drawn[name] for name in by_family.SOME_FAMILIES}, QUICK_GRID
        report.heading('Energies over the workspace')
        report.say(
            'sqrt(E) over the place of one subject after five demonstrations, dark is low; '
            'inside the white line the predicate holds.'
        )
        report.show(draw_landscapes, model, drawn, config.seed, grid)
    report.write(config.html)
    if 'families' not in found:
        return 0
    means = by_family.summary(found['families'], 5)
    return int(min(means[f'trained {w}']['mean'] for w in ('generated', 'identified')) < 0.97)


def rate_text(found: dict[str, float] | None) -> str:
    """Return a rate with its interval for people; nothing where there is none."""
    return intervals.percent(found) if found else ''


def _rate_rows(found: Mapping[str, Mapping[str, Any]]) -> Rows:
    """Return a row for each operation of each family, with a cell for each column."""
    rows: list[tuple[object, ...]] = []
    for measure in ('generated', 'identified'):
        for name, columns in found.items():
            judged = [each for each in columns.values() if each and each[measure]]
            if judged:
                label = f'{name}{" (held out)" if judged[0]["held_out"] else ""}: {measure}'
                cells = (rate_text(v[measure]) if v else 'needs more' for v in columns.values())
                rows.append((label, *cells))
    return rows


def _family_rows(found: dict[str, Any]) -> Rows:
    rows = [*_rate_rows(found)]
    for shots in (1, 5):
        for label, value in by_family.summary(found, shots).items():
            worst = f'worst {value["worst_family"]} {value["worst"]:.0%}'
            cells = ['', '', '', '']
            cells[by_family.SHOT_COUNTS.index(shots)] = f'{value["mean"]:.1%}, {worst}'
            rows.append((f'mean of {value["families"]} families, {label}', *cells))
    return rows


def _method_rows(found: dict[str, Any]) -> Rows:
    names = next(iter(found.values()))
    return _rate_rows({name: {m: found[m][name] for m in by_family.METHODS} for name in names})


def _held_rows(found: dict[str, Any]) -> Rows:
    return [(name, rate_text(held)) for name, held in found.items()]


def _drift_rows(found: dict[str, Any]) -> Rows:
    return [
        (
            f'{found["steps"]} {more} steps',
            f'{value["holds"]:.1%}',
            f'{value["median_shift"]:.4f}' if 'median_shift' in value else '',
            f'{value["p95_shift"]:.4f}' if 'p95_shift' in value else '',
        )
        for more, value in found.items()
        if more != 'steps'
    ]


def _latency_rows(found: dict[str, Any]) -> Rows:
    return [
        (f'{name}: {what}', f'{value["median"]:.1f}', f'{value["p95"]:.1f}')
        for name, calls in found.items()
        for what, value in calls.items()
    ]


def _throughput_rows(found: dict[str, Any]) -> Rows:
    rates = ('agreement', 'network', 'naive')
    return [
        (
            number,
            *(f'{value[name]:,.0f}' for name in rates),
            *(f'{value[name] / value["naive"]:.1f}' for name in rates[:2]),
        )
        for number, value in found.items()
    ]


def _ablation_rows(found: dict[str, Any]) -> Rows:
    columns = ('generated', 'identified', 'generated by its attention energy')
    energies = ('E data', 'E sample', 'E random')
    return [
        (
            name,
            *(rate_text(row.get(column)) for column in columns),
            ' / '.join(f'{row[e]["value"]:.3f}' for e in energies if e in row),
            f'{row["steps"]:.0f}',
        )
        for name, row in found.items()
    ]


def _by_shots(
    name: str, title: str, note: str, group: Callable[[], Mapping[str, Family]], of: int = 4
) -> Section:
    """Return the section of a group of families, judged by a share of the concepts."""
    return Section(
        name,
        f'{title}, by number of demonstrations',
        note,
        lambda model, config: by_family.by_shots(
            model, group(), config.seed, config.share(of, min(of, 2))
        ),
        ('family', *(counted(shots, 'shot') for shots in by_family.SHOT_COUNTS)),
        _family_rows,
    )


SECTIONS = (
    _by_shots(
        'families',
        'Families',
        'Predicates at their own tolerance; intervals of 95 % over concepts.',
        families,
        of=1,
    ),
    _by_shots(
        'stacking',
        'Things on one another',
        'Cubes; by predicates: faces at most 5 mm apart, middles over what carries them.',
        stacking_families,
    ),
    Section(
        'shown_once',
        'One stacking of three blocks, taught and done again with others',
        'By predicates; a third of the scenes begins with one thing on another.',
        lambda model, config: shown_once.run(model, config.seed, config.concepts),
        ('what', 'holds'),
        _held_rows,
    ),
    _by_shots(
        'first_contact',
        'Families of first contact',
        'Written blind, looked at once after a freeze; a half of them on purpose hard.',
        first_contact_families,
    ),
    _by_shots(
        'second_contact',
        'Families of second contact',
        'Written after the first contact was known, for a frozen vocabulary; looked at once.',
        second_contact_families,
    ),
    _by_shots(
        'third_contact',
        'Families of third contact',
        'Written blind after the vocabulary was last changed; looked at once.',
        third_contact_families,
    ),
    _by_shots(
        'fourth_contact',
        'Families of fourth contact',
        'Written blind, 25 of 35 before any earlier word was read; a third on purpose hard.',
        fourth_contact_families,
    ),
    Section(
        'confidence',
        'Confidence in what is done with codes of the validation families',
        f'From {", ".join(map(str, SHOTS))} demonstrations; beside them, as many that show '
        'nothing in common.',
        lambda model, config: confidence.run(model, config.seed, config.share(8, 2)),
        ('what', 'figure'),
        lambda found: list(found.items()),
    ),
    Section(
        'teaching',
        'What is said of five demonstrations of the validation families',
        'By leave-one-out cross-validation; spoilt are outcomes anywhere and masks drawn anew.',
        lambda model, config: teaching.run(
            model, held_out_families(), config.seed, config.share(8, 2)
        ),
        ('demonstrations', 'said to agree', 'the last named', 'sets'),
        lambda found: [
            (kind, f'{row["agree"]:.0%}', f'{row["last named"]:.0%}', f'{row["sets"]:.0f}')
            for kind, row in found.items()
        ],
    ),
    Section(
        'number',
        'Families, by number of entities in the scene',
        'Five demonstrations with the same number; training saw 2 to 8.',
        lambda model, config: by_family.by_number(
            model, families(), config.seed, config.share(2, 4)
        ),
        ('family', *(f'N = {number}' for number in by_family.NUMBERS)),
        _rate_rows,
    ),
    Section(
        'inference',
        'Agreement, network and both, by ways to infer a code, from five demonstrations',
        'network: the encoder alone; gradient: descent from random codes without the encoder; '
        'refined: from those of the encoder.',
        lambda model, config: by_family.by_method(
            model, families(), config.seed, config.share(2, 4)
        ),
        ('family', *by_family.METHODS),
        _method_rows,
    ),
    Section(
        'composition',
        'Composition: so many concepts at once for one subject',
        f'All predicates hold at {composition.TOLERANCE}; six entities, a witness exists.',
        lambda model, config: composition.by_depth(model, config.seed, 2 * config.concepts),
        ('concepts', 'solved'),
        _held_rows,
    ),
    Section(
        'srem',
        'SREM: relations on boxes, composed (RSS 2023)',
        srem.DIFFERENCES,
        lambda model, config: srem.run(model, config.seed, config.concepts),
        ('what', 'ours', 'published'),
        srem.rows,
    ),
    Section(
        'ccsp',
        'Diffusion-CCSP: all constraints at once (CoRL 2023)',
        ccsp.DIFFERENCES,
        lambda model, config: ccsp.run(model, config.seed, config.concepts),
        ('what', *(f'{shots} demonstrations' for shots in ccsp.SHOTS), 'published'),
        ccsp.rows,
    ),
    Section(
        'ftl_igm',
        'FTL-IGM: concepts that no training showed, alone and composed (NeurIPS 2024)',
        ftl_igm.DIFFERENCES,
        lambda model, config: ftl_igm.run(model, config.seed, 10 if config.quick else 50),
        ('what', 'ours'),
        ftl_igm.rows,
    ),
    Section(
        'queens',
        'Queens: "does not attack" from five demonstrations, asked of all pairs',
        'On the squares of the board, which the solver is given.',
        lambda model, config: queens.run(model, config.seed, config.concepts // 2),
        ('what', 'ours', 'published'),
        queens.rows,
    ),
    Section(
        'recognition',
        'Recognition of concepts that were not used in training',
        'Baselines are trained on the same families, and kept for the next run.',
        lambda model, config: recognition.run(model, config.seed, quick=config.quick),
        ('what', 'ours', 'baselines in the same run'),
        recognition.rows,
    ),
    Section(
        'drift',
        'Single Langevin chains of the network that run on',
        'Share of scenes in which the concept holds; how far the result moves, workspace units.',
        lambda model, config: sampling.drift(families(), config.seed, config.share(4, 4)),
        ('chain', 'holds', 'median shift', '95 % shift'),
        _drift_rows,
    ),
    Section(
        'latency',
        'Latency of each operation, N = 6, one core [ms]',
        'One scene, code from five demonstrations.',
        lambda model, config: speed.operations(model, config.seed),
        ('operation', 'median', 'p95'),
        _latency_rows,
    ),
    Section(
        'throughput',
        'Energies a second, one core, against the naive pairwise network of the papers',
        f'{speed.SCENES} scenes at once.',
        lambda model, config: speed.throughput(model, config.seed, 3 if config.quick else 15),
        ('N', 'agreement', 'network', 'naive', 'agreement / naive', 'network / naive'),
        _throughput_rows,
    ),
    Section(
        'chains',
        'Langevin chains of the network finished a second',
        f'{sampling.CHAIN.steps} steps, N = 6.',
        lambda model, config: sampling.chains_per_second(config.seed),
        ('device', 'chains a second'),
        lambda found: [(k, v if isinstance(v, str) else f'{v:,.0f}') for k, v in found.items()],
    ),
    Section(
        'ablations',
        'Ablations: small models trained from nothing on eight families',
        'Mean over families, codes by the encoder; intervals over models.',
        lambda _, config: ablations(
            config.ablation_seeds,
            config.ablation_minutes,
            config.share(2, 4),
            Path('runs/ablations'),
        ),
        (
            'variant',
            'generated',
            'identified',
            'generated by attention energy',
            'E data / sample / random',
            'steps',
        ),
        _ablation_rows,
    ),
)
