"""`concept_control export`: the network, or a word, as one TorchScript file."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import count, new_file
from concept_control.cli.options import add_shared
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.torchscript import export_network
from concept_control.language.kept_words import learn_words
from concept_control.language.library import LibraryConcept
from concept_control.language.library_store import load, taught_names
from concept_control.paths import library_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'output', type=new_file(), help='the TorchScript file to write, e.g. energy.pt'
    )
    add_shared(parser, 'model')
    parser.add_argument(
        '--word',
        metavar='NAME',
        help='a word that acts, shipped or taught: its residual, its bounds inside (default: the '
        'network, which takes any code)',
    )
    parser.add_argument(
        '--entities',
        type=count,
        default=6,
        metavar='N',
        help='entities in the scenes of a word (default: 6)',
    )


def main(args: argparse.Namespace) -> int:
    """Write the file."""
    energy = 'network' if args.word is None else 'agreement'
    model = ConceptModel.load(args.model, energy=energy)
    function = model.energy_function
    if isinstance(function, NetworkEnergy):
        export_network(function.network, args.output)
        what = f'the energy of model {model.fingerprint}'
    else:
        concept = _concept(model, args.word)
        function.export(concept.code, args.entities, args.output)
        what = f'the residual of {concept.signature} in scenes of {args.entities} entities'
    print(f'wrote {args.output}: {what}, value and gradient')
    return 0


def _concept(model: ConceptModel, name: str) -> LibraryConcept:
    folder = library_folder()
    if name in taught_names(folder):
        return load(folder / f'{name}.npz', model)
    return learn_words(model, folder, [name]).get(name)
