"""`rapid trust`, and the models.toml that the other commands use."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from rapid_cli.cli.render.console import say, tell
from rapid_cli.config import expanded, home
from rapid_cli.errors import ConfigError
from rapid_cli.models.models_file import FILE_NAME, open_models_file, read_for_trust
from rapid_cli.models.specs import ModelsFile
from rapid_cli.storage.trusted import Trusted, place_of
from rapid_cli.text.printable import printable_line


def models_file_in_force(chosen: Path | None, errors: Console) -> ModelsFile:
    """Read the models.toml in force, and say which it is if it is not the user's own."""
    models_file = open_models_file(chosen)
    if models_file.of_project:
        path = str(models_file.source.absolute())
        tell(errors, f"The models are those of {path}, in the current folder.", "dim", whole=path)
    return models_file


def trust(file: Path | None) -> None:
    """Trust a models.toml as it is now, and print what that allows it."""
    path = expanded(file or FILE_NAME)
    content, said = read_for_trust(path)
    place = printable_line(str(place_of(path)))
    if not said:
        say(f"{place} says nothing that needs trust.", whole=place)
        return
    Trusted(home()).add(path, content)
    say(f"{place} is trusted, as long as it stays as it is. It says:", whole=place)
    for each in said:
        print(f"  {printable_line(each)}")


def revoke(file: Path | None) -> None:
    """Trust a models.toml no more."""
    path = expanded(file or FILE_NAME)
    place = place_of(path)
    if not Trusted(home()).remove(path):
        raise ConfigError(f"{place} is not trusted", "`rapid trust --list` shows what is")
    name = printable_line(str(place))
    say(f"{name} is trusted no more.", whole=name)


def list_trusted() -> None:
    """Print the paths of all that is trusted."""
    for place in sorted(Trusted(home()).entries()):
        print(printable_line(place))
