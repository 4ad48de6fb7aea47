"""``ferryman apply``: projects as files, kept beside the code they belong to."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ferryman.cli.project_commands import Json, Password, Url, User
from ferryman.foundation.errors import UsageError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SIGNS = {"create": "+", "change": "~", "none": "=", "refuse": "!"}
_WHEN = {
    "now": "",
    "step-restart": "  (the step begins again at its checkpoint)",
    "when-stopped": "  (only while it is stopped)",
    "re-creation": "  (would be another project)",
}


def apply_file(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="YAML; one project a document.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be done.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of such files, for editors.")] = False,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Make the projects of these files, or change those of their names; shows what differs first."""
    from ferryman.cli.client import client_of
    from ferryman.cli.report import as_text

    if schema:
        sys.stdout.write(file_schema())
        return 0
    client = client_of(url, user, password)
    documents = [document for file in files or () for document in read_file(file)]
    if not documents:
        raise UsageError("usage.wrong_option", "no file is named, or the files hold no project")
    plans = [client.post("configuration", "plan", body=document) for document in documents]
    sys.stdout.write(as_text(plans) if json else "".join(map(plan_text, plans)))
    _refuse(plans)
    if not plan:
        for document, wanted in zip(documents, plans, strict=True):
            _carry_out(client, document, wanted)
    return 0


def _carry_out(client: Any, document: dict[str, Any], plan: dict[str, Any]) -> None:
    """Do what was shown, unless somebody has changed the project since."""
    seen = {"If_Match": f'"{plan["project"]}.{plan["revision"]}"'} if plan["project"] else {}
    if plan["action"] != "none":
        client.post("configuration", "apply", body=document, **seen)


def _refuse(plans: list[dict[str, Any]]) -> None:
    """Do nothing at all when one of the files cannot be applied."""
    for each in plans:
        if each["action"] == "refuse":
            anew = any(change["effect"] == "re-creation" for change in each["changes"])
            raise UsageError("project.needs_recreation" if anew else "project.wrong_status", each["reason"])


def plan_text(plan: dict[str, Any]) -> str:
    """Return a plan as lines: what happens to the project, then each member that differs."""
    words = {"create": "is made", "change": "changes", "none": "is as the file says", "refuse": "cannot be changed so"}
    lines = [f"{_SIGNS[plan['action']]} {plan['name']} {words[plan['action']]}"]
    lines += [f"    {each['path']}: {each['old']} -> {each['new']}{_WHEN[each['effect']]}" for each in plan["changes"]]
    return "\n".join(lines) + "\n"


def read_file(path: Path) -> list[dict[str, Any]]:
    """Read the projects of a file; ``usage.wrong_option`` says where it breaks."""
    import yaml

    try:
        documents = [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]
    except OSError as error:
        raise UsageError("usage.wrong_option", f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        where = f" at {mark.line + 1}:{mark.column + 1}" if (mark := getattr(error, "problem_mark", None)) else ""
        raise UsageError("usage.wrong_option", f"{path} is no YAML{where}") from None
    if any(not isinstance(each, dict) for each in documents):
        raise UsageError("usage.wrong_option", f"{path}: a project is written as `member: value`")
    return [_filled(each) for each in documents]


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    ends: dict[str, Any] = {side: _with_variables(document[side]) for side in ("source", "target") if side in document}
    return {**document, **ends}


def _with_variables(text: Any) -> Any:
    """Put variables of the environment into a URL, percent-encoded: passwords hold anything."""
    if not isinstance(text, str):
        return text

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise UsageError("usage.wrong_option", f"the variable {found[1]} is not set")
        return quote(os.environ[found[1]], safe="")

    return _VARIABLE.sub(value, text)


def file_schema() -> str:
    """Return the JSON Schema of a project's file."""
    import json

    from ferryman.api.native.project_files import ProjectFile

    schema = ProjectFile.model_json_schema()
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Project of Ferryman"}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
