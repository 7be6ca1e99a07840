"""Reading back what people decided in the App."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from curate.app.database import connect, quiet
from curate.app.fields import plain
from curate.app.names import ID_FIELD, LABELS, dataset_name
from curate.errors import ExportError, listed
from curate.progress import log
from curate.store.run import Run
from curate.store.schema import ACTIONS, DECISION_TAGS, DECISIONS, RELABEL_PREFIX


def collect(run: Run) -> pd.DataFrame:
    """Read the decisions from the run's dataset, save them as decisions.parquet, return them.

    A decision is a sample tag (hard, easy, exclude, ok, ``relabel:CLASS``) or a ground-truth
    label that a person changed. For an image that is in the dataset, the dataset is the truth: a
    tag taken off is a decision taken back. For an image that is not (the dataset is lost, or a
    publish was interrupted), the decisions.parquet of before stands.

    Returns:
        The table decisions: sample_id, action, value, source ("app:tag" or "app:label").

    Raises:
        DatabaseError: no database answers; what people decided cannot be known.
        ExportError: an image is relabelled to two classes, or to one the run does not have.
    """
    fo = connect()
    name = dataset_name(run)
    before = run.table("decisions")
    if not fo.dataset_exists(name):
        log.warning(
            "decisions: no dataset %s in this database; %d decisions kept from before",
            name,
            len(before),
        )
        return before
    with quiet():
        dataset = fo.load_dataset(name)
        ids, tags, labels = dataset.values([ID_FIELD, "tags", f"{LABELS}.label"])
    samples = run.table("samples")
    found = read_decisions(
        samples,
        {
            sample_id: (own or [], label)
            for sample_id, own, label in zip(ids, tags, labels, strict=True)
            if sample_id is not None
        },
        [str(one) for one in run.info.get("classes", [])],
    )
    absent = set(samples["sample_id"]) - set(ids)
    merged = pd.concat([found, before[before["sample_id"].isin(absent)]], ignore_index=True)
    run.write_table("decisions", merged)
    log.info("decisions: %d on %d images", len(merged), merged["sample_id"].nunique())
    return run.table("decisions")


def read_decisions(
    samples: pd.DataFrame,
    seen: dict[str, tuple[list[str], str | None]],
    classes: Iterable[str],
) -> pd.DataFrame:
    """Turn tags and labels into decisions, in the order of `samples` and of `ACTIONS`.

    Args:
        samples: the table samples of the run.
        seen: per sample id its tags and its present ground-truth label.
        classes: the classes an image can be relabelled to.

    Raises:
        ExportError: an image is relabelled to two classes, or to an unknown one.
    """
    rows: list[dict[str, Any]] = []
    contradicted: list[str] = []
    unknown: list[str] = []
    known = set(classes)
    columns = (samples["sample_id"], samples["filepath"], plain(samples["label"]))
    for sample_id, filepath, label in zip(*columns, strict=True):
        tags, now = seen.get(sample_id, ([], None))
        sources = {
            tag.removeprefix(RELABEL_PREFIX).strip(): "app:tag"
            for tag in tags
            if tag.startswith(RELABEL_PREFIX)
        }
        # A label that was deleted says nothing about which class would be right.
        if now is not None and now != label:
            sources[now] = "app:label"
        if len(sources) > 1:
            contradicted.append(f"{filepath}: {' and '.join(sorted(sources))}")
        unknown += [f"{filepath}: {value}" for value in sources if value not in known]
        relabel = [
            ("relabel", value, source) for value, source in sources.items() if value != label
        ]
        plain_tags = [(tag, "", "app:tag") for tag in DECISION_TAGS if tag in tags]
        rows += [
            {"sample_id": sample_id, "action": action, "value": value, "source": source}
            for action, value, source in sorted(
                [*relabel, *plain_tags], key=lambda row: ACTIONS.index(row[0])
            )
        ]
    if contradicted:
        raise ExportError(
            f"Expected one new label an image, found two on {listed(contradicted)}. "
            f"Take the wrong `{RELABEL_PREFIX}` tag off in the App, or undo the label edit."
        )
    if unknown:
        raise ExportError(
            f"Expected the classes {listed(sorted(known), 20)} for relabelling, found "
            f"{listed(unknown)}. Take the tag off in the App (or undo the label edit) and use a "
            "class of the run."
        )
    return pd.DataFrame(rows, columns=list(DECISIONS))
