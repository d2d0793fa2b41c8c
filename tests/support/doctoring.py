"""What the doctor says of the default pair: that check alone, for all of them take seconds."""

from __future__ import annotations

from pathlib import Path

from rapid_cli.doctor.checks import judge
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding
from rapid_cli.doctor.models_file import check_default_pair
from tests.support.rapid import environment, surrounded


def of_default_pair(models: Path, home: Path) -> Finding:
    """Return what is found of the default pair of a models.toml, in a `home`."""
    with surrounded(environment(home)), Examination(models) as examination:
        (finding,) = judge(examination, [("pair", check_default_pair)])
        return finding
