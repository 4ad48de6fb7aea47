"""How quickly the command line answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ferryman.cli.main import run

HEAVY = ("fastapi", "sqlalchemy", "pydantic", "rich.console", "sqlglot", "uvicorn", "pymysql")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom ferryman.cli.main import run\nrun(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Moves databases without stopping them" in done.stdout
    assert done.stderr.strip() == "[]"


def test_the_version():
    for word in ("version", "--version"):
        done = subprocess.run([sys.executable, "-m", "ferryman", word], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("ferryman ")


@pytest.mark.parametrize("arguments", [[], ["projects"]])
def test_no_command_shows_the_commands_as_they_are(arguments, capsys):
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: ferryman")
    assert "\nCommands:\n" in told
    assert "error [" not in told


def test_a_data_directory_that_cannot_be_made_is_no_defect_of_ours(capsys, tmp_path):
    (tmp_path / "file").touch()
    ends = ["--source", "mysql://a@127.0.0.1/x", "--target", "mysql://a@127.0.0.1/y"]
    assert run(["run", *ends, "--data-dir", str(tmp_path / "file")]) == 1
    told = capsys.readouterr().err
    assert "error [metadb.failed]" in told
    assert str(tmp_path / "file") in told
