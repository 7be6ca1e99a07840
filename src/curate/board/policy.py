"""The augmentation policy of a run, as panel and report read it."""

from __future__ import annotations

from pathlib import Path

from curate.errors import PolicyError
from curate.recipe.policy import Policy, read_policy
from curate.store.run import Run

POLICY_FILE = Path("policy") / "policy.json"
"""Where ``curate policy`` writes it, below the run."""


def policy_path(run: Run) -> Path:
    """Where the policy of a run lies, whether there is one or not."""
    return run.path / POLICY_FILE


def policy_of(run: Run) -> Policy | None:
    """The policy of a run; None where none was made.

    Raises:
        PolicyError: the file says something impossible.
    """
    path = policy_path(run)
    return read_policy(path) if path.is_file() else None


def policy_or_why(run: Run) -> tuple[Policy | None, str]:
    """The same for those who go on without it: what is wrong with a file that cannot be read."""
    try:
        return policy_of(run), ""
    except PolicyError as error:
        return None, str(error)
