"""Hints for a person whose pair of models is not on this machine: what else could answer."""

from __future__ import annotations

from rapid_cli.errors import ModelError
from rapid_cli.models.hub import find
from rapid_cli.models.specs import ModelPair, ModelsFile

OFFERED = 2
"""How many pairs are offered for download: the smallest ones come first in the packaged file."""


def with_offers(error: ModelError, models_file: ModelsFile, pair: ModelPair) -> ModelError:
    """Return the error of a pair that is not here, with what a person can use instead."""
    here = [each.name for each in models_file.pairs.values() if is_here(models_file, each)]
    if here:
        options = " or ".join(f"--pair {name}" for name in here[:OFFERED])
        return ModelError(error.message, f"{error.hint}; what is here: {options}")
    packaged = all(models_file.model(name).package for name in pair.models)
    if not packaged or pair.name != models_file.default_pair:
        return error  # it says what to pull, or which file is missing
    offers = [
        f"rapid models pull {each.name}"
        + (f" ({size})" if (size := each.note.split(":")[0]) else "")
        for each in models_file.pairs.values()
        if models_file.model(each.target).repo
    ]
    steps = ['to see that it works, pip install "rapid-cli[starter]"']
    if offers:
        steps.append(f"for good answers, {' or '.join(offers[:OFFERED])}, then ask with --pair")
    return ModelError("no language model is on this machine yet", "; ".join(steps))


def is_here(models_file: ModelsFile, pair: ModelPair) -> bool:
    """Tell whether all models of a pair are on this machine."""
    return all(find(models_file.model(name).location) for name in pair.models)
