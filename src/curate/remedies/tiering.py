"""How training images are put into tiers: by quantiles, by thresholds, and with how many tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from curate.errors import CurriculumError, listed
from curate.store.schema import TIER_NAMES

REVIEW = TIER_NAMES[-1]
LATE, OUT = "late", "out"
SHARES = (0.5, 0.3, 0.2)
"""Share of each class in easy, medium and hard; with another number of tiers all are equal."""


@dataclass(frozen=True)
class Tiering:
    """The choices that can be made about tiers.

    Attributes:
        count: how many there are, beside `review`.
        thresholds: difficulties in (0, 1), rising, at which the next tier begins; none for
            quantiles.
        low_quality: "late", into the last tier, or "out", to `review`.
        class_balanced: whether quantiles are taken class by class; thresholds never are.
    """

    count: int = 3
    thresholds: tuple[float, ...] = ()
    low_quality: str = LATE
    class_balanced: bool = True

    def __post_init__(self) -> None:
        """Refuse what makes no tiers.

        Raises:
            CurriculumError: a field is not what it has to be.
        """
        rising = all(a < b for a, b in zip(self.thresholds, self.thresholds[1:], strict=False))
        if self.thresholds and not (rising and self.thresholds[0] > 0 and self.thresholds[-1] < 1):
            raise CurriculumError(
                "Expected thresholds above 0 and below 1, each above the one before it, found "
                f"{', '.join(f'{one:g}' for one in self.thresholds)}. Correct them."
            )
        if self.thresholds and self.count != len(self.thresholds) + 1:
            raise CurriculumError(
                f"Expected {len(self.thresholds) + 1} tiers with {len(self.thresholds)} "
                f"thresholds, found {self.count}. Give one of the two."
            )
        if self.count < 2:
            raise CurriculumError(
                f"Expected at least 2 tiers, found {self.count}. Without tiers there is no "
                "curriculum: choose the preset none."
            )
        if self.low_quality not in (LATE, OUT):
            raise CurriculumError(
                f"Expected low quality to be {LATE} or {OUT}, found {self.low_quality!r}. "
                "Give one of the two."
            )

    @classmethod
    def by_thresholds(cls, *thresholds: float, low_quality: str = LATE) -> Tiering:
        """One tier more than thresholds on the difficulty."""
        return cls(len(thresholds) + 1, tuple(thresholds), low_quality)

    @property
    def names(self) -> tuple[str, ...]:
        """The tiers to train on, the easiest first; `review` is beside them."""
        usual = TIER_NAMES[:-1]
        if self.count == len(usual):
            return usual
        return tuple(f"tier{i + 1}" for i in range(self.count))

    def sizes(self, n: int) -> list[int]:
        """How many of n images each tier takes by quantiles: one each as far as they go."""
        k = self.count
        if n < k:
            return [1] * n + [0] * (k - n)
        shares = SHARES if k == len(SHARES) else (1 / k,) * k
        sizes = [max(1, round(share * n)) for share in shares[1:]]
        while sum(sizes) >= n:
            sizes[sizes.index(max(sizes))] -= 1
        return [n - sum(sizes), *sizes]

    def described(self) -> str:
        """In a few words."""
        if self.thresholds:
            how = "at difficulties " + ", ".join(f"{one:g}" for one in self.thresholds)
        else:
            how = "by quantiles" + (" class by class" if self.class_balanced else " over all")
        return f"{self.count} tiers {how}, low quality {self.low_quality}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "thresholds": list(self.thresholds)}

    @classmethod
    def from_json(cls, found: Any) -> Tiering:
        """Read what `to_json` made.

        Raises:
            CurriculumError: a key is unknown, or a value cannot be.
        """
        known = {field.name: type(field.default) for field in fields(cls)}
        if not isinstance(found, Mapping) or set(found) - set(known):
            strange = listed(set(found) - set(known)) if isinstance(found, Mapping) else repr(found)
            raise CurriculumError(
                f"Expected a tiering with the keys {', '.join(known)}, found {strange}. Correct it."
            )
        given = {**found}
        limits = given.get("thresholds", [])
        if not isinstance(limits, list) or not all(isinstance(one, int | float) for one in limits):
            raise CurriculumError(
                f"Expected a list of numbers as thresholds of the tiers, found {limits!r}. "
                "Correct it."
            )
        given["thresholds"] = tuple(float(one) for one in limits)
        for name, value in given.items():
            if type(value) is not known[name]:
                raise CurriculumError(
                    f"Expected {name} of the tiers to be like {getattr(cls(), name)!r}, found "
                    f"{value!r}. Correct it."
                )
        return cls(**given)
