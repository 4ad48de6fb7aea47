"""``ferryman users …`` and ``ferryman keys …``: who may call a running service; for its admins."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ferryman.cli.project_commands import Json, Password, Url, User

users = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Accounts of a running service (admins only).")
keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API keys of a running service (admins only).")

Account = Annotated[str, typer.Argument(help="Name of the account.")]
RoleName = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
NEW_PASSWORD = "FERRYMAN_NEW_PASSWORD"


@users.command("list")
def list_users(json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """List accounts."""
    found = _client(url, user, password).get("accounts")
    rows = [(each["name"], each["role"], "disabled" if each["disabled"] else "") for each in found]
    return _print(found, json, ("NAME", "ROLE", ""), rows)


@users.command("create")
def create_user(
    name: Account, role: RoleName = "viewer", url: Url = None, user: User = None, password: Password = None
) -> int:
    """Make an account; its password is asked for, or taken from FERRYMAN_NEW_PASSWORD."""
    body = {"name": name, "password": _new_password(), "role": role}
    made = _client(url, user, password).post("accounts", body=body)
    sys.stdout.write(f"{made['name']} is {made['role']}\n")
    return 0


@users.command("change")
def change_user(
    name: Account,
    role: Annotated[str | None, typer.Option(help="viewer, operator or admin.")] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Asked for, or from FERRYMAN_NEW_PASSWORD.")
    ] = False,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether it may log in.")] = None,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Change an account's role, password, or whether it may log in; its sessions end."""
    given = {"role": role, "disabled": disabled, "password": _new_password() if new_password else None}
    body = {member: value for member, value in given.items() if value is not None}
    changed = _client(url, user, password).patch("accounts", name, body=body)
    sys.stdout.write(f"{changed['name']} is {changed['role']}{', disabled' if changed['disabled'] else ''}\n")
    return 0


@users.command("delete")
def delete_user(name: Account, url: Url = None, user: User = None, password: Password = None) -> int:
    """Remove an account with its sessions and keys."""
    _client(url, user, password).delete("accounts", name)
    sys.stdout.write(f"{name} is deleted\n")
    return 0


@keys.command("list")
def list_keys(json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """List API keys, without their text."""
    found = _client(url, user, password).get("keys")
    rows = [(each["id"], each["name"], each["account"], each["role"], each["expires_at"] or "never") for each in found]
    return _print(found, json, ("ID", "NAME", "ACCOUNT", "ROLE", "EXPIRES"), rows)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: RoleName = "viewer",
    days: Annotated[float | None, typer.Option(help="How long it holds; else until it is deleted.")] = None,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Make an API key and print its text, which is shown this once."""
    made = _client(url, user, password).post("keys", body={"name": name, "role": role, "days": days})
    sys.stdout.write(f"{made['key']}\n")
    return 0


@keys.command("delete")
def delete_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Remove an API key: it opens nothing any more."""
    _client(url, user, password).delete("keys", key_id)
    sys.stdout.write(f"{key_id} is deleted\n")
    return 0


def _new_password() -> str:
    """Return the new password; never from the arguments, which every user of the machine can read."""
    given = os.environ.get(NEW_PASSWORD)
    return given or str(typer.prompt("new password", hide_input=True, confirmation_prompt=True, err=True))


def _client(url: str | None, user: str | None, password: str | None) -> Any:
    from ferryman.cli.client import client_of

    return client_of(url, user, password)


def _print(document: Any, json: bool, heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> int:
    from ferryman.cli.project_views import columns
    from ferryman.cli.report import as_text

    sys.stdout.write(as_text(document) if json else columns([heading, *rows]))
    return 0
