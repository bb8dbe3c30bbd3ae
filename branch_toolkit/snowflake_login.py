"""How we log in to Snowflake: the fields for it, and a connection made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, model_validator
from typing_extensions import Self

from branch_toolkit.core.errors import WarehouseUnavailable
from branch_toolkit.resources import WarehouseResource

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_SECRETS = ("password", "private_key", "private_key_password", "token")
_KEYS_AND_PASSWORDS = ("password", "private_key", "private_key_path")
_OF_LOGIN = (
    "account",
    "user",
    "password",
    "database",
    "role",
    "warehouse",
    "private_key",
    "private_key_path",
    "private_key_password",
    "authenticator",
    "login_timeout",
    "network_timeout",
    "client_session_keep_alive",
    "timezone",
)
_SECRET_ARGUMENT = re.compile(r"token|passw|passcode|secret|private_key", re.IGNORECASE)


class SnowflakeLogin(WarehouseResource):
    """A warehouse that is logged in to as `dagster_snowflake.SnowflakeResource` does."""

    account: str = Field(
        description=(
            "The account's identifier, as organization-account:"
            " https://docs.snowflake.com/en/user-guide/admin-account-identifier"
        )
    )
    user: str = Field(description="Who logs in.")
    database: str = Field(
        min_length=1,
        description="The database that the base schemas are in; branches' clones lie beside them.",
    )
    role: str | None = Field(
        default=None, description="The role to work as. Default: the user's own default role."
    )
    warehouse: str | None = Field(
        default=None,
        description=(
            "The virtual warehouse: for what assets read and write, and for short questions to the"
            " information schema when clones are made and dropped."
        ),
    )
    password: str | None = Field(
        default=None, repr=False, description="The password. Give it by dg.EnvVar."
    )
    private_key: str | None = Field(
        default=None,
        repr=False,
        description=(
            "The private key of a key pair, as PEM or the base64 of that. Give it by dg.EnvVar."
            " https://docs.snowflake.com/en/user-guide/key-pair-auth"
        ),
    )
    private_key_path: str | None = Field(
        default=None, description="A file with the private key, instead of the key itself."
    )
    private_key_password: str | None = Field(
        default=None,
        repr=False,
        description="What the private key is encrypted with, if it is. Give it by dg.EnvVar.",
    )
    authenticator: str | None = Field(
        default=None,
        description=(
            "How to log in otherwise: `oauth` or `programmatic_access_token` (with `token`),"
            " `externalbrowser`, an Okta URL, ….  https://docs.snowflake.com/en/developer-guide/"
            "python-connector/python-connector-api#label-snowflake-connector-methods-connect"
        ),
    )
    token: str | None = Field(
        default=None,
        repr=False,
        description="The token for `authenticator`. Give it by dg.EnvVar.",
    )
    login_timeout: int | None = Field(
        default=None, gt=0, description="Seconds to try to log in. Default: the connector's."
    )
    network_timeout: int | None = Field(
        default=None,
        gt=0,
        description="Seconds to repeat a request that fails. Default: the connector's, for ever.",
    )
    client_session_keep_alive: bool | None = Field(
        default=None, description="Keep idle sessions alive beyond four hours."
    )
    timezone: str | None = Field(
        default=None, description="The sessions' time zone. Default: the user's."
    )
    additional_snowflake_connection_args: dict[str, Any] | None = Field(
        default=None,
        repr=False,
        description=(
            "Further arguments of snowflake.connector.connect, such as host, proxy_host or"
            " session_parameters. Secrets among them by dg.EnvVar."
        ),
    )

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        given = [name for name in _KEYS_AND_PASSWORDS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give only one of {', '.join(given)}")
        if self.token is not None and self.authenticator is None:
            raise ValueError(
                "token needs an authenticator: `oauth`, or `programmatic_access_token`"
            )
        if not given and self.authenticator is None:
            raise ValueError(
                "give a private_key, a private_key_path, a password, or an authenticator"
            )
        return self

    @property
    def shows_a_secret(self) -> bool:
        """Whether a secret stands in the definitions, from where Dagster shows it."""
        further = self.additional_snowflake_connection_args or {}
        secrets = [getattr(self, name) for name in _SECRETS]
        secrets += [value for name, value in further.items() if _SECRET_ARGUMENT.search(name)]
        return any(value and not isinstance(value, dg.EnvVar) for value in secrets)

    def log_in(self, tag: Mapping[str, str] | None = None) -> SnowflakeConnection:
        """A new connection, which the caller closes."""
        from dagster_snowflake import SnowflakeResource

        from branch_toolkit.warehouses.snowflake.errors import explained

        fields = {name: getattr(self, name) for name in _OF_LOGIN}
        resource = SnowflakeResource(
            **fields, additional_snowflake_connection_args=self._arguments(tag or {})
        )
        doing = f"log in to account {self.account} as {self.user}"
        with explained(doing=doing, sql="", role=self.role or "?", database=self.database):
            try:
                manager = resource.get_connection()
                connection: SnowflakeConnection = manager.__enter__()
            except (OSError, TypeError, ValueError) as error:
                if self.private_key is None and self.private_key_path is None:
                    raise
                raise _unusable_key(error) from error
        # It is entered and never left: it would close the connection, but only where no error was
        # raised. It lives as long as the connection, so that its end is not the connection's.
        vars(connection)["entered"] = manager
        return connection

    def _arguments(self, tag: Mapping[str, str]) -> dict[str, Any]:
        given = self.additional_snowflake_connection_args or {}
        further = {name: _filled_in(value) for name, value in given.items()}
        if self.token is not None:
            further["token"] = self.token
        # https://docs.snowflake.com/en/sql-reference/parameters#query-tag
        query_tag = json.dumps({"app": "branch_toolkit", **tag})
        parameters = {
            **further.get("session_parameters", {}),
            "QUERY_TAG": query_tag,
            # Where an account has it on, "sales" in quotes would mean SALES.
            # https://docs.snowflake.com/en/sql-reference/parameters#quoted-identifiers-ignore-case
            "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
        }
        return {**further, "session_parameters": parameters}


def _filled_in(value: Any) -> Any:
    # Dagster fills in a resource's fields; within a field it leaves {"env": NAME}.
    if isinstance(value, dict) and set(value) == {"env"}:
        value = dg.EnvVar(value["env"])
    return value.get_value() if isinstance(value, dg.EnvVar) else value


def _unusable_key(error: Exception) -> WarehouseUnavailable:
    return WarehouseUnavailable(
        f"The private key cannot be read ({type(error).__name__}).",
        remedy=(
            "Give it as PEM or the base64 of that in `private_key`, or its file in"
            " `private_key_path`; and `private_key_password` if, and only if, it is encrypted."
        ),
    )
