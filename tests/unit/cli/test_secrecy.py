"""Passwords leave the list of processes."""

from __future__ import annotations

import os

import pytest

from ferryman.cli import secrecy

SOURCE, TARGET = "mysql://u:ge%2Fheim@h:3306/d", "oceanbase://r@t%23c:pw@h"


@pytest.mark.parametrize("joined", [True, False])
def test_passwords_move_to_the_environment(joined):
    given = [f"--source={SOURCE}", f"--target={TARGET}"] if joined else ["--source", SOURCE, "--target", TARGET]
    cleaned, found = secrecy.without_passwords(["run", *given, "--json"])
    assert found == {"FERRYMAN_SOURCE_PASSWORD": "ge/heim", "FERRYMAN_TARGET_PASSWORD": "pw"}
    assert "heim" not in " ".join(cleaned)
    assert "pw" not in " ".join(cleaned)
    assert cleaned[0] == "run"
    assert cleaned[-1] == "--json"
    assert secrecy.without_passwords(cleaned) == (cleaned, {})


@pytest.mark.parametrize(
    "arguments", [["--source"], ["--source", "x"], ["--source", "mysql://h"], ["--name", SOURCE], []]
)
def test_what_has_no_password_stays_as_it_is(arguments):
    assert secrecy.without_passwords(["run", *arguments]) == (["run", *arguments], {})


def test_the_process_is_started_again_once(monkeypatch):
    started = []
    monkeypatch.setattr(secrecy.sys, "orig_argv", ["python", "-m", "ferryman", "run", "--source", SOURCE])
    monkeypatch.setattr(secrecy.os, "execve", lambda *call: started.append(call))
    secrecy.hide_passwords(["run", "--source", SOURCE])
    ((_, arguments, environment),) = started
    assert arguments[:4] == ["python", "-m", "ferryman", "run"]
    assert environment["FERRYMAN_SOURCE_PASSWORD"] == "ge/heim"
    monkeypatch.setenv(secrecy.MARK, environment[secrecy.MARK])
    secrecy.hide_passwords(["run", "--source", SOURCE])
    assert len(started) == 1
    assert secrecy.MARK not in os.environ


def test_only_commands_that_take_urls(monkeypatch):
    monkeypatch.setattr(secrecy.os, "execve", lambda *_: pytest.fail("started again"))
    for arguments in ([], ["version"], ["projects", "list", "--source", SOURCE]):
        secrecy.hide_passwords(arguments)
