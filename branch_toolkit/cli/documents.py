"""The JSON documents: their keys are a promise, and every command's help lists its own.

Times are ISO 8601 with an offset, sizes are bytes, and a key that does not apply is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from branch_toolkit.cli.wording import iso
from branch_toolkit.core.action import Outlook
from branch_toolkit.core.branch import BranchSnapshot
from branch_toolkit.core.environment import Environment, OwnedSchema, Refused
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.plan import Plan, Report

Document = dict[str, Any]


def environment_document(environment: Environment) -> Document:
    """One environment."""
    return {
        "environment": environment.name,
        "branch": environment.branch,
        "pull_request": environment.key.number,
        "repository": environment.repository,
        "state": environment.state,
        "created_at": iso(environment.created_at),
        "last_used_at": iso(environment.last_used_at),
        "drop_after": iso(environment.drop_after),
        "retired_because": environment.retired_because,
        "cause": environment.cause.value if environment.cause else None,
        "keep_until": iso(environment.keep_until),
        "role": environment.role,
        "strategy": environment.strategy,
        "tables": environment.tables,
        "rows": environment.rows,
        "size_bytes": environment.size_bytes,
        "schemas": [_clone_document(clone) for clone in environment.clones],
    }


def outlook_document(outlook: Outlook | None) -> Document | None:
    """What happens next."""
    if outlook is None:
        return None
    return {
        "verb": outlook.verb.value,
        "at": iso(outlook.at),
        "because": outlook.because,
        "cause": outlook.cause.value if outlook.cause else None,
    }


def refused_documents(refused: Sequence[Refused]) -> list[Document]:
    """Marked schemas that are left alone."""
    return [{"schema": found.schema, "reason": found.reason} for found in refused]


def source_document(snapshot: BranchSnapshot) -> Document:
    """What the branch source answered, in short."""
    return {
        "source": snapshot.source,
        "repository": snapshot.repository,
        "complete": snapshot.complete,
        "note": snapshot.note,
        "branches": len(snapshot.branches),
    }


def report_document(report: Report, *, dry_run: bool) -> Document:
    """What became of a plan."""
    return {
        "verb": report.plan.verb,
        "environment": report.plan.environment,
        "dry_run": dry_run,
        "applied": report.applied,
        "seconds": report.seconds,
        "results": [
            {
                "schema": result.schema,
                "object": result.object,
                "action": result.action,
                "rows": result.rows,
                "size_bytes": result.size_bytes,
                "seconds": result.seconds,
            }
            for result in report.results
        ],
        "notes": [{"object": note.object, "text": note.text} for note in report.plan.notes],
        "statements": statement_documents(report.plan),
    }


def statement_documents(plan: Plan) -> list[Document]:
    """The statements of a plan."""
    return [
        {
            "sql": statement.sql,
            "action": statement.action,
            "schema": statement.schema,
            "object": statement.object,
            "hazards": sorted(hazard.name.lower() for hazard in statement.hazards),
            "rows": statement.rows,
            "size_bytes": statement.size_bytes,
        }
        for statement in plan.statements
    ]


def error_document(error: BranchToolkitError | None) -> Document | None:
    """What went wrong with one of several environments."""
    if error is None:
        return None
    return {"kind": type(error).__name__, "problem": error.problem, "remedy": error.remedy}


def _clone_document(clone: OwnedSchema) -> Document:
    return {
        "schema": clone.name,
        "base_schema": clone.mark.base_schema,
        "retired_at": iso(clone.mark.retired_at),
        "as_of": clone.mark.as_of,
        "tables": clone.facts.tables,
        "rows": clone.facts.rows,
        "size_bytes": clone.facts.size_bytes,
    }
