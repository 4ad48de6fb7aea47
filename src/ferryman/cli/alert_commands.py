"""``ferryman alerts …``: what is open, rules, silences and channels of a running service."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli.project_commands import Json, Password, Url, User, client_for, print_document

alerts = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Alerts of a running service: what is open and was, rules, silences, channels.",
)
ByLevel = Annotated[str, typer.Option(metavar="HIGH,MEDIUM,LOW", help="Three numbers; left out: as it was at first.")]
Rule = Annotated[str, typer.Argument(help="The rule's name, as `ferryman alerts rules` shows it.")]
Channel = Annotated[str, typer.Argument(help="Name or id of the channel.")]


@alerts.command("list")
def list_alerts(
    state: Annotated[str, typer.Option(help="open, recovered or all.")] = "open",
    project: Annotated[str, typer.Option(help="Only of this project: name or id.")] = "",
    page: Annotated[int, typer.Option(min=1)] = 1,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """List alerts, youngest first."""
    from ferryman.cli import alert_views

    found = client_for(url, user, password).get("alerts", state=state, project=project, page=page)
    return print_document(found, json, alert_views.alerts)


@alerts.command()
def rules(json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """List the rules as they are set."""
    from ferryman.cli import alert_views

    return print_document(client_for(url, user, password).get("alerts", "rules"), json, alert_views.rules)


@alerts.command("set")
def set_rule(
    rule: Rule,
    off: Annotated[bool, typer.Option("--off", help="Look for it no longer.")] = False,
    level: Annotated[str, typer.Option(help="HIGH, MEDIUM, LOW or IGNORE; else the project's own.")] = "",
    threshold: ByLevel = "",
    hold_seconds: ByLevel = "",
    repeat_minutes: ByLevel = "",
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Set a rule anew; without options it is set back to what it was at first."""
    from ferryman.cli import alert_views

    body: dict[str, Any] = {"enabled": not off} | ({"level": level.upper()} if level else {})
    figures = {"threshold": threshold, "hold_seconds": hold_seconds, "repeat_minutes": repeat_minutes}
    body |= {name: alert_views.figures(f"--{name.replace('_', '-')}", text) for name, text in figures.items() if text}
    changed = client_for(url, user, password).put("alerts", "rules", rule, body=body)
    return print_document([changed], json, alert_views.rules) if not json else print_document(changed, json, str)


@alerts.command()
def silences(json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """List the silences that have not ended."""
    from ferryman.cli import alert_views

    return print_document(client_for(url, user, password).get("alerts", "silences"), json, alert_views.silences)


@alerts.command()
def silence(
    minutes: Annotated[float, typer.Option(help="For so long.")],
    project: Annotated[str, typer.Option(help="Only this project: name or id.")] = "",
    rule: Annotated[str, typer.Option(help="Only this rule.")] = "",
    label: Annotated[str, typer.Option(help="Only projects with this label (its id).")] = "",
    reason: Annotated[str, typer.Option(help="Why, for who looks.")] = "",
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Send no notices for a time; alerts are recorded all the same."""
    body = {"project": project, "rule": rule or None, "label": label, "minutes": minutes, "reason": reason}
    made = client_for(url, user, password).post("alerts", "silences", body=body)
    sys.stdout.write(f"{made['id']} until {made['until']}\n")
    return 0


@alerts.command()
def unsilence(
    silence_id: Annotated[str, typer.Argument(metavar="ID")],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """End a silence now."""
    client_for(url, user, password).delete("alerts", "silences", silence_id)
    sys.stdout.write(f"{silence_id} has ended\n")
    return 0


@alerts.command()
def channels(json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """List channels; secrets are masked."""
    from ferryman.cli import alert_views

    return print_document(client_for(url, user, password).get("alerts", "channels"), json, alert_views.channels)


@alerts.command("add-channel")
def add_channel(
    name: Annotated[str, typer.Argument(help="Letters, digits, _ and -.")],
    kind: Annotated[str, typer.Option(help="webhook, chat or email.")],
    settings: Annotated[
        Path,
        typer.Option(metavar="FILE", help="JSON, see docs/operations.md; - reads standard input.", allow_dash=True),
    ],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Set up a channel; its settings come from a file, because they hold secrets."""
    body = {"name": name, "kind": kind, "settings": _settings(settings)}
    made = client_for(url, user, password).post("alerts", "channels", body=body)
    sys.stdout.write(f"{made['id']}. `ferryman alerts test-channel {name}` sends a test\n")
    return 0


@alerts.command("test-channel")
def try_channel(channel: Channel, url: Url = None, user: User = None, password: Password = None) -> int:
    """Send a test through a channel now."""
    from ferryman.foundation.codes import CODES
    from ferryman.foundation.errors import FerrymanError

    client = client_for(url, user, password)
    outcome = client.post("alerts", "channels", _channel_id(client, channel), "test")
    if not outcome["ok"]:
        error = outcome["error"]
        code = error["code"] if error["code"] in CODES else "alert.not_delivered"
        raise FerrymanError(code, error["message"], hint=error["hint"])
    sys.stdout.write(f"{channel} has taken a test\n")
    return 0


@alerts.command("remove-channel")
def remove_channel(channel: Channel, url: Url = None, user: User = None, password: Password = None) -> int:
    """Remove a channel, and what was to be sent through it."""
    client = client_for(url, user, password)
    client.delete("alerts", "channels", _channel_id(client, channel))
    sys.stdout.write(f"{channel} is removed\n")
    return 0


def _channel_id(client: Any, wanted: str) -> str:
    found = [each["id"] for each in client.get("alerts", "channels") if wanted in {each["id"], each["name"]}]
    return str(found[0]) if found else wanted


def _settings(path: Path) -> Any:
    from ferryman.foundation.errors import UsageError

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        return json_.loads(text)
    except (OSError, ValueError):
        raise UsageError("usage.wrong_option", f"--settings: {path} cannot be read as JSON") from None
