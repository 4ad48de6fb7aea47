"""The client of a running service, typed, for programs: `Client`, and `AsyncClient` for asyncio.

    with Client("https://mover.example:8089", key=os.environ["FERRYMAN_KEY"]) as client:
        project = client.create_project({"name": "shop", "source": "mysql://…", "target": "oceanbase://…"})
        client.start(project["id"])
        for shown in client.follow(project["id"]):
            print(shown["status"], shown["current_step"])

Methods and documents are made from the service's description (docs/openapi.json) by ``make openapi``. Errors are
`FerrymanError` with the service's code, message and hint (docs/errors.md).
"""

from ferryman.client.asynchronous import AsyncClient
from ferryman.client.documents import ProjectDocument
from ferryman.client.synchronous import Client
from ferryman.foundation.errors import FerrymanError

__all__ = ["AsyncClient", "Client", "FerrymanError", "etag"]


def etag(project: ProjectDocument) -> str:
    """Return what `if_match` takes so that a change is made only to a project that is as it was looked at."""
    return f'"{project["id"]}.{project["revision"]}"'
