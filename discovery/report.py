"""The review as JSON, for programs: what is proposed of each column, why, and what a person must settle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discovery.review import Review, Row, StreamReview


def write(review: Review) -> str:
    """The document; samples are masked, as they are in the review."""
    content = {
        "tenant": review.tenant,
        "connector": review.connector,
        "notes": list(review.notes),
        "streams": {stream.name: _stream(stream) for stream in review.streams},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _stream(stream: StreamReview) -> dict[str, Any]:
    return {
        "role": stream.role,
        "role_confidence": stream.role_confidence,
        "role_reasons": list(stream.role_reasons),
        "blockers": [{"kind": kind, "problem": problem} for kind, problem in stream.blockers],
        "columns": [_column(row) for row in stream.rows],
    }


def _column(row: Row) -> dict[str, Any]:
    return {
        "source": row.name,
        "target": row.decision.target,
        "place": row.decision.rank,
        "read_as": row.decision.options,
        "confidence": row.confidence,
        "action": row.action,
        "state": row.state,
        "reason": row.reason,
        "alternatives": [{"target": target, "confidence": sure} for target, sure in row.alternatives],
        "masked_samples": list(row.samples),
        "null_fraction": row.null_fraction,
        "distinct": row.distinct,
        "alarm": row.alarm,
    }
