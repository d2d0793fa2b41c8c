"""What `rapid bench` measures: models and material, of a pair and a text or made up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from rapid_cli.answering.answer import Pair
from rapid_cli.bench import synthetic
from rapid_cli.bench.benchmark import Material
from rapid_cli.bench.materials import RandomMaterial, TextMaterial, built_in_text
from rapid_cli.cli.commands.opening import copy_progress, finish_index, note, open_sources
from rapid_cli.cli.options.bench import BenchOptions
from rapid_cli.cli.render.console import Bars
from rapid_cli.config import home
from rapid_cli.errors import ConfigError
from rapid_cli.models.interface import LanguageModel
from rapid_cli.models.prompts import document_text
from rapid_cli.models.specs import ModelPair, ModelSpec
from rapid_cli.session.loading import LoadedModel
from rapid_cli.session.session import Session

SAME = "same"
"""The synthetic drafter that is the target's own weights."""
DEFAULT_FORMAT = "Q8_0"
PASSAGES = 64
"""Passages found for the question; the drafter reads as many as its budget holds."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The target, the models that draft, by name, and what they read."""

    title: str
    target: LanguageModel
    drafters: dict[str, LanguageModel]
    material: Material
    longest: int


def text_setup(session: Session, pair: ModelPair, options: BenchOptions, errors: Console) -> Setup:
    """Load a pair, and a text with the passages found in it; the built-in text needs no index."""
    loaded = _loaded(session, pair, errors)
    if options.source is None:
        name = "the topics of Python's reference"
        material = TextMaterial(built_in_text(), options.question, loaded.target)
    else:
        name = options.source.name
        material = _material(session, options.source, options.question, loaded.target, errors)
    title = f"{pair.name} on {name}, {loaded.target.device}"
    longest = min(material.longest, loaded.target.context_limit)
    return Setup(title, loaded.target, {loaded.drafter.name: loaded.drafter}, material, longest)


def _loaded(session: Session, pair: ModelPair, errors: Console) -> Pair:
    """Load a pair; print how its models were seen to run, and what is to be said about them."""
    with Bars(errors) as bars:
        files = session.pairs.find(pair, progress=copy_progress(bars))
    for path, spec in dict.fromkeys((files.target, files.drafter)):
        known = session.pairs.seen_running(path, spec, lower_precision=files.lower_precision)
        note(errors, known.told_of(spec.name) if known else "")
    loaded = session.loader.load_pair(files)
    for model in dict.fromkeys((loaded.target, loaded.drafter)):
        if isinstance(model, LoadedModel):
            note(errors, model.note)
    return loaded


def _material(
    session: Session, source: Path, question: str, target: LanguageModel, errors: Console
) -> TextMaterial:
    """Read and index a file, and find the passages for the question."""
    with open_sources(session.library, [str(source)], errors) as gathered:
        documents = gathered.documents
        finish_index(session.library, gathered, errors)
        passages = gathered.library.search(question, list(documents), PASSAGES)
        return TextMaterial(document_text(documents.values()), question, target, passages)


def synthetic_setup(session: Session, options: BenchOptions, bars: Bars, errors: Console) -> Setup:
    """Write what is not there yet of the models of random weights, and load them."""
    assert options.synthetic is not None
    folder = options.folder or home() / "synthetic"
    target = _synthetic(session, options.synthetic, folder, bars)
    drafters = {
        name: target if name == SAME else _synthetic(session, name, folder, bars)
        for name in dict.fromkeys(options.draft or [SAME])
    }
    models = dict.fromkeys((target, *drafters.values()))
    smallest = min(each.vocabulary_size for each in models)
    for each in models:
        note(errors, each.note)
        each.vocabulary_size = smallest
    title = f"{target.name}, random weights, {target.device}"
    return Setup(title, target, dict(drafters), RandomMaterial(smallest), target.context_limit)


def _synthetic(session: Session, name: str, folder: Path, bars: Bars) -> LoadedModel:
    """Load the model called SHAPE or SHAPE:FORMAT."""
    shape_name, _, format_name = name.partition(":")
    shape = synthetic.shape_named(shape_name)
    format_name = format_name.upper() or DEFAULT_FORMAT
    if format_name not in synthetic.FORMATS:
        known = ", ".join(synthetic.FORMATS)
        raise ConfigError(f"there is no format {format_name!r}", f"known are: {known}")
    path = folder / f"{shape.name}-{format_name}.gguf"
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {folder} cannot be made: {error.strerror}"
            raise ConfigError(message, "give another --folder") from error
        show = partial(copy_progress(bars), path.name)
        synthetic.write(shape, format_name, path, progress=show)
        bars.close()
    return session.loader.load_model(path, ModelSpec(f"{shape.name} {format_name}", path=str(path)))
