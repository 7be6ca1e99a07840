"""Every error that curate raises on purpose, and the exit code each one ends with.

::

    CurateError                 1  a failure of ours
    ├── StaleArtefact           1  an artefact does not belong to the rows it is read with
    └── InputError              2  what was given cannot be used
        ├── DataError           2  the image folders
        │   └── TooManyProblems 2  more unreadable images than a run may pass over
        ├── ModelError          2  a model name, weights file or checkpoint
        ├── ClusterError    2  a Ray cluster, or images that none of its workers could do
        ├── DetectorError       2  a kind that is unknown, or an installed detector
        ├── RunError            2  a run directory
        ├── ExportError         2  an export directory, or a decision that cannot be carried out
        ├── PolicyError         2  an augmentation policy, its file or a stage of it
        ├── CurriculumError     2  a schedule, or an export that a trainer cannot follow
        ├── TrainingError       2  a training that cannot start as asked, or cannot go on
        ├── ComparisonError     2  runs that cannot be compared, or where to write the comparison
        ├── ReportError         2  a report that cannot be written as asked
        ├── DatabaseError       2  no working MongoDB
        └── SessionError        2  the App cannot be served as asked

A message says what was expected, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class CurateError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class StaleArtefact(CurateError):
    """An array or table was made for other rows than those it is read with."""


class InputError(CurateError):
    """The user's input cannot be used; nothing was written."""

    exit_code = 2


class DataError(InputError):
    """The image folders are missing, empty, or contradict each other."""


class TooManyProblems(DataError):
    """More images could not be read than a run may silently pass over."""


class ModelError(InputError):
    """A model, its weights or its class list does not fit."""


class ClusterError(InputError):
    """A Ray cluster cannot be used, or gave images up; what it did is kept."""


class DetectorError(InputError):
    """A detector is unknown, or an installed one cannot be used."""


class RunError(InputError):
    """A path is not a run, or a run of something else."""


class ExportError(InputError):
    """An export cannot be written as asked."""


class CurriculumError(InputError):
    """A schedule asks for what cannot be, or an exported curriculum cannot be followed."""


class TrainingError(InputError):
    """A training cannot be started as asked, or cannot go on; finished epochs are kept."""


class PolicyError(InputError):
    """An augmentation policy cannot be read, or names what cannot be done."""


class ComparisonError(InputError):
    """Runs cannot be compared as asked."""


class ReportError(InputError):
    """A report cannot be written as asked."""


class DatabaseError(InputError):
    """No MongoDB answers."""


class SessionError(InputError):
    """The App cannot be served as asked."""


def listed(items: Iterable[object], limit: int = 5) -> str:
    """Name the first `limit` items and count the rest: ``'a', 'b' and 3 more``."""
    names = [repr(str(item)) for item in items]
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
