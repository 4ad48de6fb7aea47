"""Data sources: making them, and showing them.

**Passwords** may come plain or as Base64 (contradiction 35). The rule, in this order: (1) what was sent is tried as it
is; (2) if the server refuses that login, and what was sent is valid Base64 of printable text, the decoded one is tried.
The first that opens the server is kept; if none does, nothing is kept and the first refusal is answered.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from ferryman.api.oms.endpoint_types import oms_type
from ferryman.api.oms.projects import extra_attributes
from ferryman.api.oms.requests import (
    CreateDataSource,
    CreateKafkaDataSource,
    CreateMySqlDataSource,
    CreateOceanBaseDataSource,
    CreateQueueDataSource,
    CreateRocketMqDataSource,
    NamedDataSource,
)
from ferryman.api.oms.steps import time_text
from ferryman.control.service import Service
from ferryman.control.views import EndpointView
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint
from ferryman.spi.url import parse_url

_SECRETS = frozenset({"password", "drcPassword", "innerDrcPassword"})


def create_mysql(service: Service, request: CreateMySqlDataSource) -> str:
    """Keep a MySQL data source and return its id."""
    return _create(service, "mysql", request.username, request)


def create_oceanbase(service: Service, request: CreateOceanBaseDataSource) -> str:
    """Keep an OceanBase data source and return its id; tenant and cluster become part of the user name."""
    username = request.username
    if "@" not in username:
        username += f"@{request.tenant}" if request.tenant else ""
        username += f"#{request.cluster}" if request.tenant and request.cluster else ""
    return _create(service, "oceanbase", username, request)


def create_postgresql(service: Service, request: CreateMySqlDataSource) -> str:
    """Keep a PostgreSQL data source and return its id."""
    return _create(service, "postgresql", request.username, request)


def create_tidb(service: Service, request: CreateMySqlDataSource) -> str:
    """Keep a TiDB data source and return its id."""
    return _create(service, "tidb", request.username, request)


def create_kafka(service: Service, request: CreateKafkaDataSource) -> str:
    """Keep a Kafka data source and return its id."""
    options: dict[str, str] = {}
    if request.enable_ssl:
        options["security_protocol"] = "SASL_SSL" if request.enable_sasl else "SSL"
        options["ssl_check_host"] = "false" if request.disable_identification_algorithm else "true"
    if request.enable_sasl:
        options["sasl_mechanism"] = (request.sasl_mechanism or "PLAIN").replace("_", "-")
    return _create_queue(service, "kafka", request, options)


def create_rocketmq(service: Service, request: CreateRocketMqDataSource) -> str:
    """Keep a RocketMQ data source and return its id."""
    return _create_queue(service, "rocketmq", request, {})


def _create_queue(service: Service, scheme: str, request: CreateQueueDataSource, options: dict[str, str]) -> str:
    """Read the endpoint as its URL would be, so that both ways in mean the same."""
    given = request.to_json()
    endpoint = replace(
        parse_url(f"{scheme}://{request.endpoint.strip()}/{_query(options)}"),
        username=request.username or "",
        password=request.password or "",
    )
    candidates = [replace(endpoint, password=password) for password in password_candidates(endpoint.password)]
    return _keep(service, request, candidates, {k: v for k, v in given.items() if k not in _SECRETS})


def _query(options: dict[str, str]) -> str:
    return f"?{urlencode(options)}" if options else ""


def _create(service: Service, scheme: str, username: str, request: CreateDataSource) -> str:
    given = request.to_json()
    kept = {name: value for name, value in given.items() if name not in _SECRETS}
    candidates = [
        Endpoint(
            scheme=scheme,
            host=request.ip.strip(),
            port=request.port,
            username=username,
            password=password,
            database=request.schema_ or "",
        )
        for password in password_candidates(request.password)
    ]
    return _keep(service, request, candidates, kept)


def _keep(service: Service, request: NamedDataSource, candidates: Sequence[Endpoint], kept: dict[str, Any]) -> str:
    """Keep the first candidate that opens its server; the first refusal is told when none does."""
    refusal: FerrymanError | None = None
    for endpoint in candidates:
        try:
            return service.create_endpoint(
                request.name,
                endpoint,
                description=request.description or "",
                region=request.region or "",
                api_document=kept,
            ).id
        except FerrymanError as error:
            refusal = refusal or error
            if error.code != "endpoint.access_denied":
                break
    raise _connectivity_failure(refusal) if refusal else AssertionError("there is always one candidate")


def password_candidates(sent: str) -> tuple[str, ...]:
    """Return what the password may be, likeliest first."""
    try:
        decoded = base64.b64decode(sent, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return (sent,)
    return (sent, decoded) if decoded and decoded.isprintable() else (sent,)


def _connectivity_failure(error: FerrymanError) -> FerrymanError:
    """Tell a failed connection in the words OMS clients look for."""
    if CODES[error.code].exit_code != 3:
        return error
    return FerrymanError(
        error.code,
        f"Connectivity test failed: {error.message}",
        hint=error.hint,
        retry=error.retry,
        context={"oms_code": "PARAM_ERROR"},
    )


def data_source_document(view: EndpointView, owner: str) -> dict[str, Any]:
    """Return one data source as ListDataSource answers it; never a password."""
    endpoint, given = view.endpoint, view.api_document
    return {
        "id": view.id,
        "name": view.name,
        "type": oms_type(endpoint.scheme),
        "role": "MASTER",
        "owner": owner,
        "tenant": given.get("tenant"),
        "cluster": given.get("cluster"),
        "schema": endpoint.database or None,
        "ip": endpoint.host,
        "port": endpoint.port,
        "userName": given.get("username") or endpoint.username,
        "region": view.region or None,
        "description": view.description or None,
        "ocpName": given.get("ocpName"),
        "oracleSid": None,
        "oracleNlsLengthSemantics": None,
        "operatingSystem": None,
        "version": None,
        "timezone": None,
        "charset": None,
        "tryKeepHb": given.get("tryKeepHb"),
        "gmtCreate": time_text(view.created_at),
        "gmtModified": time_text(view.changed_at),
        "partnerId": None,
        "connExtraAttributes": extra_attributes(view),
    }
