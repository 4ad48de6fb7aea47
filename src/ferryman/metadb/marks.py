"""What stands for everything beside projects: who shows it asks again when its mark has moved."""

from __future__ import annotations

from ferryman.metadb.database import Transaction


def read(tx: Transaction) -> dict[str, str]:
    """Return ``changes`` (each call that changed something, as the audit log counts them) and ``alerts``."""
    alerts = tx.rows(
        "SELECT COUNT(*) AS n, MAX(since) AS since, MAX(opened_at) AS opened, MAX(recovered_at) AS recovered,"
        " SUM(sent_count) AS sent FROM alert"
    )[0]
    return {
        "changes": str(tx.value("SELECT MAX(id) FROM audit") or 0),
        "alerts": "/".join(str(alerts[name]) for name in ("n", "since", "opened", "recovered", "sent")),
    }
