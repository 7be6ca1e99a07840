"""Evidence made by hand for the tests of dosing and of recommending."""

from __future__ import annotations

from dataclasses import replace

from curate.remedies.augmented import Measured
from curate.remedies.dosing import Dose
from curate.remedies.gain import Gain
from curate.remedies.label_safety import NOT_KNOWN, SAFE, SWAPS, ClassSafety, Safety
from curate.remedies.prevalence import Prevalence
from curate.remedies.weakness import Point, Weakness

CLASSES = ("0", "2", "5", "6", "9")
SHARE = Measured(0.066, (0.04, 0.11), 180)
TRAIN_SHARE = Measured(0.004, (0.001, 0.012), 800)


def weakness(drops: dict[float, float], breaks_at: float | None) -> Weakness:
    """A curve with these drops from an accuracy of 0.93."""
    points = tuple(
        Point(
            level,
            Measured(0.93 - drop, (0.9 - drop, 0.95 - drop), 180),
            Measured(drop, (drop - 0.03, drop + 0.03), 180),
            Measured(drop, (drop - 0.02, drop + 0.02), 180),
        )
        for level, drop in drops.items()
    )
    return Weakness("val", Measured(0.93, (0.89, 0.96), 180), points, breaks_at)


def safety(
    transform: str, levels: tuple[float, ...], verdicts: dict[str, tuple[str, str, float]]
) -> Safety:
    """Classes named in `verdicts` (verdict, taken for, from which level on); else safe."""
    classes = []
    for level in levels:
        for name in CLASSES:
            verdict, other, since = verdicts.get(name, (SAFE, "", 0.0))
            if level < since:
                verdict, other = SAFE, ""
            taken = {SAFE: 0.0, SWAPS: 0.34, NOT_KNOWN: 0.06}[verdict]
            measured = Measured(taken, (max(taken - 0.14, 0.0), taken + 0.09), 36)
            kept = Measured(0.9, (0.8, 0.95), 36)
            classes.append(ClassSafety(level, name, measured, other, kept, verdict))
    return Safety(transform, tuple(classes))


def prevalence(symptom: str) -> Prevalence:
    excess = Measured(0.062, (0.03, 0.11), 980)
    return Prevalence(symptom, "val", "made", TRAIN_SHARE, SHARE, excess)


def gain(
    expected: float,
    corrected: tuple[float, float],
    dose: Dose = Dose((1.0,), 0.25),  # noqa: B008 - frozen
    symptom: str | None = None,
) -> Gain:
    return Gain(
        dose=dose,
        on="val" if symptom is None else "train, out-of-fold",
        symptom=symptom,
        excess=None if symptom is None else Measured(0.062, (0.03, 0.11), 980),
        expected=Measured(expected, (expected - 0.01, expected + 0.01), 800),
        corrected=corrected,
        p_value=0.001 if corrected[0] > 0 else 0.4,
        as_is=(Measured(0.93, (0.89, 0.96), 180), Measured(0.94, (0.9, 0.97), 180)),
        changed=(Measured(0.41, (0.38, 0.44), 640), Measured(0.88, (0.85, 0.9), 640)),
        probability=dose.probability,
        loses=(),
        asked=1,
    )


def excluding(one: Gain, *names: str) -> Gain:
    return replace(one, dose=replace(one.dose, excluded=names))
