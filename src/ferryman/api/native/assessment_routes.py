"""The assessment of a project that is not made yet: the precheck's items, what it will take, and what may go wrong."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from ferryman.api.native import documents
from ferryman.api.native.browsing import CheckDocument
from ferryman.api.native.routes import spec_of_request
from ferryman.control.service import Service
from ferryman.model.serial import to_json
from ferryman.pipeline.precheck import Assessment, assess_project


class RangeDocument(documents.Model):
    """From the best to the worst that is likely."""

    least: float
    most: float


class TableEstimateDocument(documents.Model):
    """What the source's catalog guesses of a table; 0 rows and 0 bytes: it does not know, or the table is empty."""

    table: str
    rows: int
    bytes: int
    values: int = Field(description="Rows times columns, as far as that is known.")


class EstimateDocument(documents.Model):
    """What a project will take, by the source's catalog alone; times as measured on one machine of two cores."""

    tables: list[TableEstimateDocument] = Field(description="The largest first.")
    rows: int
    bytes: int
    load_seconds: RangeDocument | None = Field(description="Null: not part of it, or never measured for such a target.")
    verify_seconds: RangeDocument | None
    log_bytes_per_second: float | None = Field(description="Growth of the source's log just now; null: cannot be told.")
    log_store_bytes: RangeDocument | None = Field(description="What the log store may hold when the load ends.")
    unknown: int = Field(description="Tables of which the catalog has no figures.")
    secondary_indexes: int


class RiskDocument(documents.Model):
    """What may go wrong, or make it slow."""

    level: Literal["BLOCKS", "HIGH", "MEDIUM", "LOW"]
    subject: str
    message: str
    hint: str
    objects: list[str]
    is_item: bool = Field(description="Whether it repeats an item of the precheck.")


class AssessmentDocument(documents.Model):
    """All that can be said before anything is touched."""

    items: list[CheckDocument]
    estimate: EstimateDocument
    risks: list[RiskDocument] = Field(description="The worst first.")


def assessment_router(service: Service) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/assessment", tags=["projects"])
    def assess(asked: documents.NewProject) -> AssessmentDocument:
        """Check and estimate a project without making it; the source's log is watched for two seconds."""
        return assessment_document(assess_project(spec_of_request(service, asked)))

    return router


def assessment_document(found: Assessment) -> AssessmentDocument:
    """Show an assessment."""
    return AssessmentDocument.model_validate(
        {
            "items": [to_json(result) for result in found.results],
            "estimate": to_json(found.estimate),
            "risks": [to_json(risk) for risk in found.risks],
        }
    )
