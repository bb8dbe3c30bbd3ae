"""Redaction: no password leaves, and what is no secret is left alone."""

from __future__ import annotations

import pytest

from branch_toolkit.cli.redaction import Redaction

URL = "postgresql://etl:p%40ssw0rd@host:5432/warehouse"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"cannot open {URL}", "cannot open postgresql://***@host:5432/warehouse"),
        ("https://ghp_token@github.com/acme.git", "https://***@github.com/acme.git"),
        ("the password p@ssw0rd is wrong", "the password *** is wrong"),
        ("raw p%40ssw0rd", "raw ***"),
        ("user etl, database warehouse", "user etl, database warehouse"),
        (
            "give it as postgresql://user:password@host:5432/database",
            "give it as postgresql://user:password@host:5432/database",
        ),
        ("git@github.com:acme/pipelines.git", "git@github.com:acme/pipelines.git"),
    ],
)
def test_known_secrets_are_masked(text: str, clean: str) -> None:
    redaction = Redaction()
    redaction.learn(URL)
    assert redaction.clean(text) == clean


def test_it_learns_from_the_environment() -> None:
    redaction = Redaction.of(
        {"ANY_NAME": URL, "GITHUB_TOKEN": "ghp_123456", "LANG": "C.UTF-8", "PGPASSWORD": "hunter22"}
    )
    assert redaction.clean("p@ssw0rd ghp_123456 hunter22 C.UTF-8") == "*** *** *** C.UTF-8"


def test_a_password_that_is_the_users_name_masks_no_message() -> None:
    redaction = Redaction()
    redaction.learn("postgresql://postgres:postgres@host/db")
    assert redaction.clean("role 'postgres' lacks a right") == "role 'postgres' lacks a right"
