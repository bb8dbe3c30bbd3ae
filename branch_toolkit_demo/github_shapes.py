"""GitHub's objects, with every field that its description of the API demands.

Source: https://github.com/github/rest-api-description
"""

from __future__ import annotations

import zlib
from datetime import datetime

from branch_toolkit_demo.forge import OWNER, ForgeComment, ForgeStatus, PullRequest

APP_ID = 12345
"""The App that comments of the toolkit are from, where it signs in as one."""

# In one text each: as lists they would take more lines than what they are for.
_USER_LINKS = (
    "events followers following gists organizations received_events repos starred subscriptions"
)
_REPOSITORY_LINKS = (
    "archive assignees blobs branches collaborators comments commits compare contents"
    " contributors deployments downloads events forks git_commits git_refs git_tags hooks"
    " issue_comment issue_events issues keys labels languages merges milestones notifications"
    " pulls releases stargazers statuses subscribers subscription tags teams trees"
)
_COUNTS = (
    "forks forks_count open_issues open_issues_count size stargazers_count watchers watchers_count"
)
_ABILITIES = "has_downloads has_issues has_projects has_wiki has_pages archived disabled"


class Shapes:
    """Makes GitHub's objects of what a repository holds.

    Args:
        name: The repository's name.
        address: The API's base URL, for links.
        author: Who asks.
    """

    def __init__(self, name: str, address: str, author: str) -> None:
        self.name = name
        self.address = address
        self.author = author

    def pull(self, pull: PullRequest) -> object:
        """A pull request, as in lists."""
        url = f"{self.address}/repos/{self.name}"
        own = f"{url}/pulls/{pull.number}"
        html = f"https://github.com/{self.name}/pull/{pull.number}"
        links = {
            "comments": f"{url}/issues/{pull.number}/comments",
            "commits": f"{own}/commits",
            "statuses": f"{url}/statuses/{pull.sha}",
            "issue": f"{url}/issues/{pull.number}",
            "review_comments": f"{own}/comments",
            "review_comment": f"{url}/pulls/comments{{/number}}",
        }
        return {
            "id": 5_000_000 + pull.number,
            "node_id": f"PR_{pull.number}",
            "url": own,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            **{f"{name}_url": link for name, link in links.items()},
            "_links": {
                name: {"href": link} for name, link in {**links, "self": own, "html": html}.items()
            },
            "number": pull.number,
            "state": "closed" if pull.state == "merged" else pull.state,
            "locked": False,
            "title": pull.head,
            "body": None,
            "user": user(pull.fork or OWNER, self.address),
            "created_at": _time(pull.created_at),
            "updated_at": _time(pull.updated_at),
            "closed_at": _time(pull.ended_at),
            "merged_at": _time(pull.ended_at) if pull.state == "merged" else None,
            "merge_commit_sha": None,
            "assignee": None,
            "milestone": None,
            "labels": [_label(label, url) for label in pull.labels],
            "draft": pull.draft,
            "head": self._head(pull),
            "base": self._end(self.name, pull.base, "0" * 40),
            "author_association": "CONTRIBUTOR",
            "auto_merge": None,
        }

    def comment(self, comment: ForgeComment, number: int) -> object:
        """A comment on a pull request."""
        url = f"{self.address}/repos/{self.name}/issues"
        bot = comment.author.endswith("[bot]")
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{url}/comments/{comment.id}",
            "html_url": f"https://github.com/{self.name}/pull/{number}#issuecomment-{comment.id}",
            "issue_url": f"{url}/{number}",
            "user": user(comment.author, self.address),
            "body": comment.text,
            "author_association": "NONE",
            "created_at": _time(comment.at),
            "updated_at": _time(comment.at),
            **({"performed_via_github_app": _app(self.address)} if bot else {}),
        }

    def status(self, status: ForgeStatus, sha: str) -> object:
        """A commit's status."""
        return {
            "url": f"{self.address}/repos/{self.name}/statuses/{sha}",
            "avatar_url": None,
            "id": status.id,
            "node_id": f"SC_{status.id}",
            "state": status.state,
            "description": status.summary,
            "target_url": status.url,
            "context": status.name,
            "created_at": _time(status.at),
            "updated_at": _time(status.at),
            "creator": user(self.author, self.address),
        }

    def _head(self, pull: PullRequest) -> object:
        owner, _, name = self.name.partition("/")
        end = self._end(f"{pull.fork or owner}/{name}", pull.head, pull.sha)
        return {**end, "repo": None} if pull.fork_deleted else end

    def _end(self, repository: str, ref: str, sha: str) -> dict[str, object]:
        owner = repository.partition("/")[0]
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": user(owner, self.address),
            "repo": _repository(repository, self.address, fork=repository != self.name),
        }


def user(login: str, address: str) -> dict[str, object]:
    """A user, or an App's."""
    url = f"{address}/users/{login}"
    return {
        "login": login,
        "id": _id(login),
        "node_id": f"U_{login}",
        "avatar_url": f"{url}/avatar",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://github.com/{login}",
        **{f"{name}_url": f"{url}/{name}" for name in _USER_LINKS.split()},
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }


def _repository(name: str, address: str, *, fork: bool) -> dict[str, object]:
    url, html = f"{address}/repos/{name}", f"https://github.com/{name}"
    return {
        "id": _id(name),
        "node_id": f"R_{_id(name)}",
        "name": name.partition("/")[2],
        "full_name": name,
        "owner": user(name.partition("/")[0], address),
        "private": True,
        "fork": fork,
        "description": None,
        "url": url,
        "html_url": html,
        "clone_url": f"{html}.git",
        "git_url": f"git://github.com/{name}.git",
        "ssh_url": f"git@github.com:{name}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": "main",
        **{f"{link}_url": f"{url}/{link}" for link in _REPOSITORY_LINKS.split()},
        **dict.fromkeys(_COUNTS.split(), 0),
        **dict.fromkeys(_ABILITIES.split(), False),
        **dict.fromkeys(("created_at", "updated_at", "pushed_at"), "2026-01-01T00:00:00Z"),
    }


def _label(name: str, url: str) -> object:
    return {
        "id": _id(name),
        "node_id": f"LA_{_id(name)}",
        "url": f"{url}/labels/{name}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def _app(address: str) -> object:
    return {
        "id": APP_ID,
        "node_id": f"A_{APP_ID}",
        "slug": "branch-toolkit",
        "owner": user(OWNER, address),
        "name": "branch-toolkit",
        "description": None,
        "external_url": "https://example.invalid",
        "html_url": "https://github.com/apps/branch-toolkit",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "permissions": {"pull_requests": "write"},
        "events": [],
    }


def _id(name: str) -> int:
    return zlib.crc32(name.encode())


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
