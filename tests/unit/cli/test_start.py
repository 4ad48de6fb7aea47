"""How quickly the command line answers."""

from __future__ import annotations

import subprocess
import sys

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
    done = subprocess.run([sys.executable, "-m", "ferryman", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ferryman ")
