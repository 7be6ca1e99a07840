"""Results that show themselves as the commands print them, for Python and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from curate.pipeline import compare, policy


class Told:
    """A result that shows itself as the command prints it."""

    def __repr__(self) -> str:
        """As `str`."""
        return str(self)

    def _repr_html_(self) -> str:
        """The same in a notebook, escaped."""
        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True, repr=False)
class Recommended(Told, policy.Recommended):
    """An augmentation policy with its evidence, see `curate.pipeline.policy.Recommended`."""

    def __str__(self) -> str:
        """What ``curate policy`` prints."""
        from curate.pipeline.policy_text import policy_text

        return f"{policy_text(self.policy, self.candidates, self.prevalence)}\n\n{self.folder}"


@dataclass(frozen=True, repr=False)
class Compared(Told, compare.Compared):
    """A comparison, see `curate.pipeline.compare.Compared`; `report` holds it as plain values."""

    def __str__(self) -> str:
        """What ``curate compare`` prints."""
        from curate.pipeline.comparing.text import comparison_text

        return comparison_text(self.report)
