"""The REST API of Bitbucket Cloud, of what the toolkit asks.

Sources: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/,
https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination
"""

from __future__ import annotations

from datetime import datetime

from branch_toolkit.branches.bitbucket import BitbucketBranches
from branch_toolkit_demo.forge import ForgeRepository, PullRequest, newest_first
from branch_toolkit_demo.forge_server import Asked, Reply, page_of
from branch_toolkit_tests.contract.forges.kinds import ForgeKind

_STATES = {"closed": "DECLINED"}


class BitbucketDialect:
    """Bitbucket's answers."""

    def __init__(self, most_per_page: int) -> None:
        self.most_per_page = most_per_page

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        return asked.headers.get("authorization") == f"Bearer {repository.token}"

    def error(self, status: int, message: str) -> Reply:
        return Reply(status=status, data={"type": "error", "error": {"message": message}})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        if asked.path != f"/repositories/{repository.name}/pullrequests":
            return self.error(404, "Repository not found")
        found = [each for each in repository.in_state() if _state(each) in _wanted(asked)]
        if asked.query.get("sort") == "-updated_on":
            found = newest_first(found)
        elif asked.query.get("sort") != "created_on":
            found.reverse()
        # More than 50 are an error, not cut.
        if int(asked.query.get("pagelen", "10")) > 50:
            return self.error(400, "Invalid pagelen")
        size = min(int(asked.query.get("pagelen", "10")), self.most_per_page)
        page, more = page_of([_pull(each) for each in found], asked, size=size)
        data = {"values": page, "pagelen": size, "size": len(found), "page": asked.page}
        if more:
            states = "&".join(f"state={state}" for state in _wanted(asked))
            rest = f"pagelen={size}&sort={asked.query['sort']}&page={asked.page + 1}"
            data["next"] = f"{address}{asked.path}?{states}&{rest}"
        return Reply(data=data)


def _wanted(asked: Asked) -> tuple[str, ...]:
    return asked.values.get("state", ("OPEN",))


def _state(pull: PullRequest) -> str:
    return _STATES.get(pull.state, pull.state.upper())


def _pull(pull: PullRequest) -> object:
    source = f"{pull.fork}/pipelines" if pull.fork else "acme/pipelines"
    return {
        "type": "pullrequest",
        "id": pull.number,
        "title": pull.head,
        "state": _state(pull),
        "draft": pull.draft,
        "created_on": _time(pull.created_at),
        "updated_on": _time(pull.updated_at),
        "source": {
            "branch": {"name": pull.head},
            # Of a commit its lists say the first twelve digits.
            "commit": {"type": "commit", "hash": pull.sha},
            "repository": None if pull.fork_deleted else _repository(source),
        },
        "destination": {
            "branch": {"name": pull.base},
            "repository": _repository("acme/pipelines"),
        },
        "links": {"html": {"href": f"https://bitbucket.org/acme/pipelines/pr/{pull.number}"}},
    }


def _repository(name: str) -> object:
    return {"type": "repository", "full_name": name, "name": name.partition("/")[2]}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def _source(**fields: object) -> BitbucketBranches:
    return BitbucketBranches(**{"repository": "acme/pipelines", **fields})  # type: ignore[arg-type]


def limited(seconds: int) -> Reply:
    """The answer of a forge that says how long to wait as HTTP has it."""
    return Reply(status=429, data="Too many requests", headers={"Retry-After": str(seconds)})


BITBUCKET = ForgeKind(
    name="bitbucket",
    dialect=BitbucketDialect,
    source=_source,
    # Of the tests of `newest`, two look into lists that are no objects.
    features=frozenset({"drafts", "times"}),
    etags=False,
    prefix="/2.0",
    limited=limited,
)
