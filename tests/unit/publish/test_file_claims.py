"""Files: where another project's messages are, of whatever step or format, a new one does not write."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ferryman.connectors.file.sink import FileSink
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import Messages


def publish(directory: Path, task: str, lane: int = 0) -> None:
    with closing(FileSink(Endpoint(scheme="file", options={"path": str(directory)}), PublishOptions())) as sink:
        sink.prepare()
        with closing(sink.writer(task, 1, lane)) as writer:
            writer.begin()
            writer.publish(Messages(topic="d.t", partitions=[0], keys=[None], values=[b"{}"]))
            writer.commit({})


def test_lanes_and_steps_of_one_project_share_a_folder(tmp_path: Path) -> None:
    for task, lane in (("p/load", 0), ("p/load", 3), ("p/apply", 0), ("p/apply", 0)):
        publish(tmp_path, task, lane)
    names = sorted(path.name for path in (tmp_path / "d.t").iterdir())
    assert names == ["full-00-000001.jsonl", "full-03-000001.jsonl", "incremental-000001.jsonl"]


@pytest.mark.parametrize("name", ["full-00-000001.jsonl", "full-07-000001.jsonl", "incremental-000001.parquet"])
def test_beside_a_strangers_messages_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "d.t").mkdir()
    (tmp_path / "d.t" / name).write_bytes(b"{}\n")
    for task in ("p/load", "p/apply"):
        with pytest.raises(FerrymanError) as refused:
            publish(tmp_path, task)
        assert refused.value.code == "load.target_not_empty"
        assert name in refused.value.message
    assert [path.name for path in (tmp_path / "d.t").iterdir()] == [name]
