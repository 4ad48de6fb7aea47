"""Secrets leave the list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ferryman.cli import secrecy

SOURCE, TARGET = "mysql://u:ge%2Fheim@h:3306/d", "oceanbase://r@t%23c:pw@h"
KEYED = "mysql://u@h:3306/d?ssl_cert=/c.pem&ssl_key_password=geheim"
QUEUE = "kafka://h:9092/?registry=https://r&registry_user=me&registry_password=geheim"


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("source", [SOURCE, KEYED])
@pytest.mark.parametrize("target", [TARGET, QUEUE])
def test_secrets_leave_the_arguments(joined, source, target):
    given = [f"--source={source}", f"--target={target}"] if joined else ["--source", source, "--target", target]
    cleaned = secrecy.without_secrets(["run", *given, "--json"])
    assert not [word for word in ("heim", "pw", "password") if word in " ".join(cleaned)]
    assert cleaned[0] == "run"
    assert cleaned[-1] == "--json"
    assert len(cleaned) == len(given) + 2
    assert secrecy.without_secrets(cleaned) == cleaned


@pytest.mark.parametrize(
    "arguments", [["--source"], ["--source", "x"], ["--source", "mysql://h"], ["--name", SOURCE], []]
)
def test_what_has_no_secret_stays_as_it_is(arguments):
    assert secrecy.without_secrets(["run", *arguments]) == ["run", *arguments]


def test_the_process_is_started_again_once_and_knows_what_was_given(monkeypatch):
    started = []
    monkeypatch.setattr(secrecy.sys, "orig_argv", ["python", "-m", "ferryman", "run", "--source", SOURCE])
    monkeypatch.setattr(secrecy.os, "execve", lambda *call: started.append(call))
    given = ["run", "--source", SOURCE]
    secrecy.hide_secrets(given)
    ((_, arguments, environment),) = started
    assert arguments[:4] == ["python", "-m", "ferryman", "run"]
    monkeypatch.setenv(secrecy.MARK, environment[secrecy.MARK])
    assert secrecy.hide_secrets(arguments[3:]) == given
    assert len(started) == 1
    assert secrecy.MARK not in os.environ


def test_a_real_process_shows_none(tmp_path):
    source = "mysql://u:geheim@127.0.0.1:9/d?ssl_key_password=geheim&ssh_host=h&ssh_user=u&ssh_password=geheim&ssh_key=geheim"
    command = [
        sys.executable,
        "-m",
        "ferryman",
        "run",
        "--source",
        source,
        "--target",
        source,
        "--data-dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while True:
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            if b"--source" in shown and b"geheim" not in shown:
                break
            assert time.monotonic() < deadline, shown
            time.sleep(0.02)
        process.kill()


def test_only_commands_that_take_urls(monkeypatch):
    monkeypatch.setattr(secrecy.os, "execve", lambda *_: pytest.fail("started again"))
    for arguments in ([], ["version"], ["projects", "list", "--source", SOURCE]):
        assert secrecy.hide_secrets(arguments) == arguments
