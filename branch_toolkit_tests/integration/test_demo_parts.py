"""The demo's parts: production that can be proven untouched, and a git remote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest

from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.errors import GeneratorFailed, GitFailed
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_demo.production import TABLES, checksum, load_tpch

SCHEMA = "Analytics"
_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("server"), settings={"fsync": "off"}, dies_with_parent=True
    )
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> str:
    server.create_database("template_tpch")
    load_tpch(server.url("template_tpch"), schema=SCHEMA, scale=0.01)
    return "template_tpch"


@pytest.fixture
def url(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A database of the test's own with TPC-H in it."""
    name = f"test_{next(_numbers)}"
    server.create_database(name, template=template)
    yield server.url(name)
    server.drop_database(name)


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute(f'SET search_path = "{SCHEMA}"')
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_production_has_rows_keys_and_a_view(url: str) -> None:
    rows = {table: query(url, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    assert rows["region"] == 5
    assert rows["nation"] == 25
    assert rows["orders"] == 15_000
    assert rows["lineitem"] == 60_175
    kinds = query(
        url,
        "SELECT contype::text, count(*) FROM pg_constraint WHERE contype IN ('p', 'f')"
        f" AND connamespace = '\"{SCHEMA}\"'::regnamespace GROUP BY 1 ORDER BY 1",
    )
    assert kinds == [("f", 8), ("p", 8)]
    assert query(url, "SELECT count(*) FROM revenue_by_nation WHERE revenue > 0") == [(25,)]


def test_production_can_be_loaded_again_only_elsewhere(url: str) -> None:
    before = checksum(url, SCHEMA)
    with pytest.raises(psycopg.errors.DuplicateSchema):
        load_tpch(url, schema=SCHEMA, scale=0.01)
    assert checksum(url, SCHEMA) == before


def test_a_load_that_fails_leaves_no_schema(url: str) -> None:
    # Below 0.01 the generator's own keys are not unique.
    with pytest.raises(psycopg.errors.UniqueViolation):
        load_tpch(url, schema="half", scale=0.001)
    assert query(url, "SELECT to_regnamespace('half')::text") == [(None,)]


def test_a_scale_that_is_none_is_refused_by_the_generator(url: str) -> None:
    with pytest.raises(GeneratorFailed, match="scale"):
        load_tpch(url, schema="none", scale=float("nan"))


def test_the_checksum_is_the_same_for_the_same(url: str, server: EmbeddedPostgres) -> None:
    before = checksum(url, SCHEMA)
    query(url, "ANALYZE")
    query(url, f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET datestyle = 'German'")
    assert checksum(url, SCHEMA) == before
    server.create_database("again", template=url.rsplit("/", 1)[1])
    assert checksum(server.url("again"), SCHEMA) == before
    server.drop_database("again")


def test_the_checksum_does_not_depend_on_the_order_of_rows(url: str) -> None:
    before = checksum(url, SCHEMA)
    first = query(url, "SELECT array_agg(n_nationkey) FROM (SELECT * FROM nation) n")
    query(url, "UPDATE nation SET n_comment = n_comment WHERE n_nationkey < 10")
    assert query(url, "SELECT array_agg(n_nationkey) FROM (SELECT * FROM nation) n") != first
    assert checksum(url, SCHEMA) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders SET o_totalprice = o_totalprice + 0.01 WHERE o_orderkey = 1",
        "DELETE FROM lineitem WHERE l_orderkey = 1 AND l_linenumber = 1",
        "INSERT INTO region VALUES (5, 'ATLANTIS', '')",
        "TRUNCATE lineitem",
        "ALTER TABLE orders ADD COLUMN note text",
        "ALTER TABLE orders RENAME COLUMN o_clerk TO o_agent",
        "ALTER TABLE orders ALTER COLUMN o_clerk TYPE varchar(16)",
        "ALTER TABLE orders ALTER COLUMN o_clerk DROP NOT NULL",
        "ALTER TABLE orders ALTER COLUMN o_clerk SET DEFAULT 'x'",
        "ALTER TABLE lineitem DROP CONSTRAINT lineitem_l_orderkey_fkey",
        "DROP INDEX orders_by_date",
        "DROP VIEW revenue_by_nation",
        "CREATE TABLE one_more ()",
        "CREATE FUNCTION one_more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COMMENT ON TABLE orders IS 'touched'",
        f"COMMENT ON SCHEMA \"{SCHEMA}\" IS 'touched'",
        "GRANT SELECT ON orders TO PUBLIC",
    ],
)
def test_the_checksum_changes_with(url: str, change: str) -> None:
    before = checksum(url, SCHEMA)
    query(url, change)
    assert checksum(url, SCHEMA) != before


def test_the_checksum_changes_with_a_sequence(url: str) -> None:
    query(url, "CREATE TABLE numbered (id serial, t text)")
    before = checksum(url, SCHEMA)
    query(url, "SELECT nextval('numbered_id_seq')")
    assert checksum(url, SCHEMA) != before


def test_there_is_no_checksum_of_no_schema(url: str) -> None:
    with pytest.raises(psycopg.errors.InvalidSchemaName):
        checksum(url, "misspelt")


@pytest.fixture
def remote(tmp_path: Path) -> GitRemote:
    return GitRemote.create(tmp_path / "git")


def files_of(remote: GitRemote, branch: str) -> list[str]:
    listed = subprocess.run(
        ["git", "-C", remote.remote, "ls-tree", "-r", "--name-only", branch],
        check=True,
        capture_output=True,
        text=True,
    )
    return listed.stdout.splitlines()


def test_a_remote_begins_with_main_only(remote: GitRemote) -> None:
    assert list(remote.branches()) == ["main"]
    assert files_of(remote, "main") == ["README.md"]


def test_a_branch_is_pushed_and_pushed_again(remote: GitRemote) -> None:
    main = remote.branches()["main"]
    first = remote.push_branch("feature/orders", message="Add orders")
    assert remote.branches() == {"main": main, "feature/orders": first}
    second = remote.push_branch("feature/orders", message="Mend orders")
    assert remote.branches() == {"main": main, "feature/orders": second}
    assert second != first


def test_branches_do_not_hold_each_others_changes(remote: GitRemote) -> None:
    remote.push_branch("a", message="One")
    remote.push_branch("b", message="Two")
    assert files_of(remote, "b") == ["README.md", "changes/b.txt"]


def test_a_merged_branch_is_in_main_and_gone(remote: GitRemote) -> None:
    remote.push_branch("a", message="One")
    remote.push_branch("b", message="Two")
    merge = remote.merge_and_delete("a")
    remote.merge_and_delete("b")
    assert list(remote.branches()) == ["main"]
    assert files_of(remote, "main") == ["README.md", "changes/a.txt", "changes/b.txt"]
    assert merge != remote.branches()["main"]
    assert remote.push_branch("a", message="Once more") == remote.branches()["a"]


def test_a_deleted_branch_is_not_in_main(remote: GitRemote) -> None:
    main = remote.branches()["main"]
    remote.push_branch("a", message="One")
    remote.delete("a")
    assert remote.branches() == {"main": main}


def test_a_branch_that_is_not_there_is_an_error_with_git_s_words(remote: GitRemote) -> None:
    with pytest.raises(GitFailed, match="remote ref does not exist"):
        remote.delete("misspelt")


def test_the_users_git_is_neither_used_nor_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = home / ".gitconfig"
    config.write_text("[user]\n\tname = Somebody Else\n[init]\n\tdefaultBranch = trunk\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    # As inside of a git hook: these would send every command to another repository.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "another" / "index"))
    before = config.read_text()

    remote = GitRemote.create(tmp_path / "git")
    remote.push_branch("a", message="One")

    author = subprocess.run(
        ["git", "--git-dir", remote.remote, "log", "-1", "--format=%an", "a"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert author.stdout == "Branch Toolkit Demo\n"
    assert list(remote.branches()) == ["a", "main"]
    assert config.read_text() == before
    assert [path.name for path in home.iterdir()] == [".gitconfig"]
    assert not (tmp_path / "another").exists()
