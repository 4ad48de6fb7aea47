"""Codes of endpoints and the ways to them."""

from __future__ import annotations

from ferryman.foundation.code import Code

ENDPOINT_CODES: dict[str, Code] = {
    "endpoint.access_denied": Code(3, "manual", "GHANA-OPERAT000101", "check user name and password of the endpoint"),
    "endpoint.connection_lost": Code(3, "auto", "GHANA-PCHKNP000010"),
    "endpoint.in_use": Code(2, "never", "PARAM_ERROR", "release or delete that project first"),
    "endpoint.invalid": Code(2, "never", "PARAM_ERROR"),
    "endpoint.name_taken": Code(2, "never", "PARAM_ERROR", "choose another name"),
    "endpoint.query_failed": Code(1, "manual", "INNER_ERROR"),
    "endpoint.unknown": Code(2, "never", "PARAM_ERROR", "ListDataSource shows all endpoints"),
    "endpoint.unknown_database": Code(3, "manual", "PARAM_ERROR", "make the database, or name another one in the URL"),
    "endpoint.unreachable": Code(3, "manual", "GHANA-PCHKNP000010", "check host, port, and that the server runs"),
    "network.forbidden": Code(
        3, "manual", "PARAM_ERROR", "ask who runs the service to name the network in FERRYMAN_ALLOWED_NETWORKS"
    ),
    "network.invalid": Code(
        3,
        "manual",
        "PARAM_ERROR",
        "FERRYMAN_ALLOWED_NETWORKS is a list like 10.0.0.0/8,192.0.2.7; start the service again",
    ),
    "network.unknown_host": Code(3, "manual", "PARAM_ERROR", "check the name of the host"),
    "ssh.access_denied": Code(
        3, "manual", "GHANA-OPERAT000101", "check ssh_user and its key or password; the server's own log says why"
    ),
    "ssh.forbidden": Code(
        3,
        "manual",
        "GHANA-OPERAT000101",
        "let the account forward there: AllowTcpForwarding and PermitOpen in its sshd_config",
    ),
    "ssh.host_key_changed": Code(
        3,
        "manual",
        "GHANA-OPERAT000101",
        "somebody may be in between: ask who runs the server; if its key is new, put the new fingerprint into ssh_host_key",
    ),
    "ssh.host_key_unknown": Code(
        3,
        "manual",
        "PARAM_ERROR",
        "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` at the server, then give it as ssh_host_key",
    ),
    "ssh.key_invalid": Code(
        2, "never", "PARAM_ERROR", "`ssh-keygen -yf KEY` tells whether a key opens, and with which password"
    ),
    "ssh.not_installed": Code(
        3, "manual", "PARAM_ERROR", "pip install 'ferryman[ssh]' where the service and its tasks run"
    ),
}
