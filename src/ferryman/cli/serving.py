"""``ferryman serve``: what it says when it is ready and when it ends."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ferryman.api.credentials import PASSWORD_FILE, USER, OpenedAccess
from ferryman.api.server import Certificate, serve
from ferryman.cli.problems import slow_kernel_warning
from ferryman.foundation.errors import UsageError
from ferryman.foundation.logs import log_to_stderr
from ferryman.spi.url import parse_url


def certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    """Return what HTTPS is served with; both files or neither."""
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise UsageError("usage.wrong_option", "--tls-cert and --tls-key go together")
    return Certificate(chain.expanduser(), key.expanduser())


def serve_until_told(
    data_dir: Path, host: str, port: int, executor: str, tls: Certificate | None, metadb_url: str = ""
) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0."""
    log_to_stderr(logging.WARNING)
    data_dir = data_dir.expanduser().absolute()

    place = parse_url(metadb_url) if metadb_url else data_dir

    def ready(url: str, opened: OpenedAccess) -> None:
        lines = [f"ferryman is ready at {url}  (state in {place})"]
        if opened.new_password is not None:
            lines.append(f"  user {USER}, password {opened.new_password}  (kept in {data_dir / PASSWORD_FILE})")
        lines += [f"  {warning}"] if (warning := slow_kernel_warning()) else []
        lines.append("  Ctrl-C ends it; running projects go on at the next start")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    serve(data_dir, host=host, port=port, executor=executor, tls=tls, ready=ready, metadb_url=metadb_url)
    sys.stdout.write("ferryman has ended\n")
    return 0
