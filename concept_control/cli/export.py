"""`concept_control export`: a trained model as one TorchScript file."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import new_file
from concept_control.cli.options import add_model
from concept_control.energy.model import ConceptModel
from concept_control.energy.torchscript import export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'output', type=new_file(), help='the TorchScript file to write, e.g. energy.pt'
    )
    add_model(parser, 'folder of a trained model (default: shipped)')


def main(args: argparse.Namespace) -> int:
    """Write the file."""
    model = ConceptModel.load(args.model)
    export(model, args.output)
    print(f'wrote {args.output}: the energy of model {model.fingerprint}, value and gradient')
    return 0
