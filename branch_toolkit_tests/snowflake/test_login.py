"""The fields of the Snowflake resource, and how it logs in with them."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from snowflake.connector.errors import DatabaseError

from branch_toolkit import SnowflakeWarehouse
from branch_toolkit.core import errors

SECRET = "correct-horse"
LOGIN: dict[str, Any] = {"account": "acme", "user": "DAGSTER", "password": SECRET}
PLACE: dict[str, Any] = {"database": "prod", "schemas": ["analytics"]}
ADAPTER = "branch_toolkit.warehouses.snowflake.adapter"


def made(**fields: Any) -> SnowflakeWarehouse:
    return SnowflakeWarehouse(**{**LOGIN, **PLACE, **fields})


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"password": None}, "give a private_key"),
            ({"private_key": SECRET}, "only one of password, private_key"),
            ({"private_key_path": "key.p8"}, "only one of password, private_key_path"),
            ({"token": SECRET}, "needs an authenticator"),
            ({"schemas": ["analytics", "ANALYTICS"]}, "are one in Snowflake"),
            ({"schemas": []}, "at least one base schema"),
            ({"retention_days": 91}, "less than or equal to 90"),
            ({"threads": 0}, "greater than or equal to 1"),
            ({"clone_by": "magic"}, "'auto', 'schema' or 'tables'"),
            ({"tag": "cost'; DROP"}, "database.schema.tag"),
        ],
    )
    def test_what_contradicts_itself_is_refused_without_secrets(
        self, fields: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValidationError, match=problem) as caught:
            made(**fields)
        assert SECRET not in str(caught.value)

    def test_names_that_differ_in_quotes_are_two(self) -> None:
        assert made(schemas=["sales", '"sales"']).schemas == ["SALES", '"sales"']

    def test_secrets_are_not_in_its_representation(self) -> None:
        further = {"token": SECRET}
        warehouse = made(authenticator="oauth", additional_snowflake_connection_args=further)
        assert SECRET not in repr(warehouse)

    @pytest.mark.parametrize(
        ("fields", "shown"),
        [
            ({}, True),
            ({"password": dg.EnvVar("PASSWORD")}, False),
            ({"password": None, "private_key_path": "key.p8"}, False),
            ({"password": None, "private_key": SECRET}, True),
            ({"password": None, "token": SECRET, "authenticator": "oauth"}, True),
            ({"password": None, "authenticator": "externalbrowser"}, False),
            (
                {
                    "password": dg.EnvVar("PASSWORD"),
                    "additional_snowflake_connection_args": {"proxy_password": SECRET},
                },
                True,
            ),
            (
                {
                    "password": dg.EnvVar("PASSWORD"),
                    "additional_snowflake_connection_args": {"passcode": dg.EnvVar("CODE")},
                },
                False,
            ),
        ],
    )
    def test_it_is_known_whether_a_secret_stands_in_the_definitions(
        self, fields: dict[str, Any], *, shown: bool
    ) -> None:
        assert made(**fields).shows_a_secret is shown

    def test_what_it_says_of_clones_goes_to_the_adapter(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: dict[str, Any] = {}

        @contextmanager
        def connect(_connect: object, **options: Any) -> Iterator[str]:
            seen.update(options)
            yield "the adapter"

        module = SimpleNamespace(SnowflakeAdapter=SimpleNamespace(connect=connect))
        monkeypatch.setitem(sys.modules, ADAPTER, module)
        chosen = {"transient": True, "retention_days": 0, "clone_by": "tables", "threads": 2}
        further = {"managed_access": False, "tag": "ops.tags.cost", "lock_lease": 60.0}
        with made(**chosen, **further, branch_role="brancher").open() as opened:
            assert opened == "the adapter"
        assert seen == {
            **chosen,
            **further,
            "branch_role": "BRANCHER",
            "database": "PROD",
            "base_schemas": ("ANALYTICS",),
        }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the connector was asked to connect with; nothing is connected."""
    seen: dict[str, Any] = {}

    def connect(**arguments: Any) -> SimpleNamespace:
        seen.update(arguments)
        return SimpleNamespace()

    monkeypatch.setattr("snowflake.connector.connect", connect)
    return seen


def pem(password: bytes | None = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*form, encryption).decode()


class TestLogin:
    def test_its_fields_are_the_connectors_arguments(self, asked: dict[str, Any]) -> None:
        fields = {"role": "LOADER", "warehouse": "WH", "login_timeout": 5, "timezone": "UTC"}
        made(**fields, client_session_keep_alive=True).log_in()
        assert asked.items() >= {**LOGIN, **fields, "database": "prod"}.items()
        assert asked["client_session_keep_alive"] is True

    @pytest.mark.parametrize("form", ["pem", "base64", "file", "encrypted"])
    def test_a_private_key_is_read_in_every_form(
        self, asked: dict[str, Any], tmp_path: Path, form: str
    ) -> None:
        key = pem(SECRET.encode() if form == "encrypted" else None)
        (tmp_path / "key.p8").write_text(key)
        fields: dict[str, Any] = {
            "pem": {"private_key": key},
            "base64": {"private_key": base64.b64encode(key.encode()).decode()},
            "file": {"private_key_path": str(tmp_path / "key.p8")},
            "encrypted": {"private_key": key, "private_key_password": SECRET},
        }[form]
        made(password=None, **fields).log_in()
        assert serialization.load_der_private_key(asked["private_key"], password=None)

    @pytest.mark.parametrize(
        "fields",
        [
            {"private_key": "no key"},
            {"private_key": pem(SECRET.encode())},
            {"private_key": pem(SECRET.encode()), "private_key_password": "wrong"},
            {"private_key_path": "/no/such/file"},
        ],
        ids=["none", "no password", "wrong password", "no file"],
    )
    def test_a_key_that_cannot_be_read_is_explained(self, fields: dict[str, Any]) -> None:
        with pytest.raises(errors.WarehouseUnavailable, match="private_key_password") as caught:
            made(password=None, **fields).log_in()
        assert "BEGIN" not in str(caught.value)

    def test_a_token_and_variables_in_further_arguments_are_filled_in(
        self, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOKEN", SECRET)
        monkeypatch.setenv("PROXY", "pr0xy")
        warehouse = made(
            password=None,
            authenticator="oauth",
            token=dg.EnvVar("TOKEN"),
            additional_snowflake_connection_args={"proxy_password": dg.EnvVar("PROXY")},
        )
        with warehouse.process_config_and_initialize_cm() as ready:
            ready.log_in()
        assert (asked["authenticator"], asked["token"]) == ("oauth", SECRET)
        assert asked["proxy_password"] == "pr0xy"

    def test_the_query_tag_joins_the_users_own_session_parameters(
        self, asked: dict[str, Any]
    ) -> None:
        parameters = {"session_parameters": {"WEEK_START": 1, "QUERY_TAG": "mine"}}
        made(additional_snowflake_connection_args=parameters).log_in()
        assert asked["session_parameters"] == {
            "WEEK_START": 1,
            "QUERY_TAG": json.dumps({"app": "branch_toolkit"}),
            "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
        }

    def test_a_refused_login_is_explained_without_secrets(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_arguments: Any) -> None:
            raise DatabaseError("Incorrect username or password was specified.", errno=250001)

        monkeypatch.setattr("snowflake.connector.connect", refuse)
        with pytest.raises(errors.WarehouseUnavailable, match="acme as DAGSTER") as caught:
            made().log_in()
        assert SECRET not in str(caught.value)
