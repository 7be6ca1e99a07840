"""What people decided and what the tool suspects, carried out on the list of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from curate.data.views import VIEWS
from curate.errors import ExportError, listed
from curate.findings import Floats
from curate.remedies.tiering import REVIEW, Tiering
from curate.remedies.tiers import USUAL, difficulty_of, tier_by_cutoffs
from curate.store.schema import ACTIONS

EDIT_COLUMNS = ["filepath", "split", "label", "action", "value", "by", "reason"]
HOW = {
    "app:tag": "by a tag in the App",
    "app:label": "by an edited label in the App",
    "app:plugin": "in the App",
}


@dataclass(frozen=True)
class Edited:
    """The images after all decisions.

    Attributes:
        samples: the run's samples with `label`, `tier`, `difficulty`, `weight`, `reason` as
            decided, a bool column `dropped`, and `turn`: the view of `curate.data.views` that
            sets an image upright, or empty.
        edits: what was dropped, relabelled or turned, with the columns `EDIT_COLUMNS`; `by` is
            "tool" or "person".
    """

    samples: pd.DataFrame
    edits: pd.DataFrame


def apply_decisions(
    samples: pd.DataFrame,
    tiers: pd.DataFrame,
    decisions: pd.DataFrame,
    pred_probs: Floats,
    class_names: tuple[str, ...],
    tiering: Tiering = USUAL,
) -> Edited:
    """Carry out decisions: a person's always wins, and the tool never touches val or test.

    Of several decisions on one image the first in the order exclude, relabel, hard, easy, ok
    sets the tier; a relabel and a turn are carried out beside hard or easy as well. Suspected
    label errors of train stay in the tier `review` and out of the training list unless a person
    said ok, relabelled them or gave them a tier: easy is the first one, hard the last. An image
    that a person puts back takes its tier from where it stands in its class. A person's tier or
    label takes away the weight that the tool gave.

    Args:
        samples: the run's samples, in the row order of `pred_probs`.
        tiers: their tiers; an image that is not in them keeps that of `samples`.
        decisions: rows of `curate.store.schema.DECISIONS`.
        pred_probs: (n, n_classes) held-out probabilities.
        class_names: their columns.
        tiering: how the tiers were made.

    Raises:
        ExportError: an unknown action, or a class that does not exist.
    """
    table = samples.reset_index(drop=True).copy()
    known = tiers.set_index("sample_id").reindex(table["sample_id"])
    tier = known["tier"].to_numpy(dtype=object)
    table["tier"] = pd.Series(tier).fillna(table["tier"]).fillna("").astype(object)
    table["reason"] = known["reason"].fillna("").to_numpy(dtype=object)
    # Runs of before there were weights have none.
    table["weight"] = known["weight"].fillna(1.0).to_numpy() if "weight" in known else 1.0
    table["label"] = table["label"].astype(object)
    table["dropped"], table["turn"] = False, ""
    cutoffs = table.loc[table["split"] == "train", ["label", "tier", "difficulty"]].copy()
    edits: list[tuple[str, str, str, str, str, str, str]] = []
    rows = {sample_id: i for i, sample_id in enumerate(table["sample_id"])}
    _check(decisions, class_names)
    by_sample = decisions[decisions["sample_id"].isin(rows)].groupby("sample_id", sort=True)
    for sample_id, said in by_sample:
        _decide(table, rows[str(sample_id)], said, cutoffs, pred_probs, class_names, tiering, edits)
    held = table.index[(table["tier"] == REVIEW) & (table["split"] == "train")]
    for i in held:
        row = table.loc[i]
        if not row["dropped"]:
            table.loc[i, "dropped"] = True
            edits.append((row["filepath"], row["split"], row["label"], "drop", REVIEW, "tool",
                          row["reason"]))  # fmt: skip
    return Edited(table, pd.DataFrame(edits, columns=EDIT_COLUMNS))


def _decide(
    table: pd.DataFrame,
    i: int,
    said: pd.DataFrame,
    cutoffs: pd.DataFrame,
    pred_probs: Floats,
    class_names: tuple[str, ...],
    tiering: Tiering,
    edits: list[tuple[str, str, str, str, str, str, str]],
) -> None:
    actions = {row.action: row for row in said.itertuples()}
    path, split = str(table.at[i, "filepath"]), str(table.at[i, "split"])
    label = table.at[i, "label"]
    old = label if isinstance(label, str) else ""
    if "exclude" in actions:
        reason = f"person: excluded {_how(actions['exclude'])}"
        table.at[i, "dropped"], table.at[i, "reason"] = True, reason
        table.at[i, "tier"] = ""  # it is a person's no, and under nobody's review
        edits.append((path, split, old, "drop", "", "person", reason))
        return
    why = []
    if "relabel" in actions:
        new = str(actions["relabel"].value)
        what = f"relabelled from {old}" if old else "labelled"
        text = f"{what} {_how(actions['relabel'])}"
        why.append(text)
        table.loc[i, "label"] = new
        own = class_names.index(new)
        rest = np.delete(pred_probs[i], own).max(initial=0)
        table.loc[i, "difficulty"] = float(difficulty_of(np.array(pred_probs[i, own] - rest)))
        edits.append((path, split, old, "relabel", new, "person", f"person: {text}"))
    tier = next((name for name in ("hard", "easy") if name in actions), None)
    if tier is not None:
        why.insert(0, f"called {tier} {_how(actions[tier])}")
        table.loc[i, "tier"] = tiering.names[-1 if tier == "hard" else 0]
    elif split == "train" and ("relabel" in actions or table.loc[i, "tier"] == REVIEW):
        difficulty = float(cast(float, table.at[i, "difficulty"]))
        table.loc[i, "tier"] = tier_by_cutoffs(
            difficulty, str(table.loc[i, "label"]), cutoffs, tiering
        )
    if tier is not None or "relabel" in actions:
        table.loc[i, "weight"] = 1.0
    if "ok" in actions:
        why.append(f"said to be ok {_how(actions['ok'])}")
    if "turn" in actions:
        view = str(actions["turn"].value)
        text = f"to be turned by {view} {_how(actions['turn'])}"
        why.append(text)
        table.loc[i, "turn"] = view
        now = str(actions["relabel"].value) if "relabel" in actions else old
        edits.append((path, split, now, "turn", view, "person", f"person: {text}"))
    table.loc[i, "reason"] = "person: " + "; ".join(why)


def _how(decision: Any) -> str:
    """Where a decision was taken, and what led to it."""
    how = HOW.get(str(decision.source), "by decision")
    finding = str(getattr(decision, "finding", "") or "")
    return f"{how} on {finding}" if finding else how


def _check(decisions: pd.DataFrame, class_names: tuple[str, ...]) -> None:
    unknown = sorted(set(decisions["action"]) - set(ACTIONS))
    if unknown:
        raise ExportError(
            f"Expected decisions {', '.join(ACTIONS)}, found {listed(unknown)} in "
            "decisions.parquet. Remove those rows."
        )
    relabels = decisions.loc[decisions["action"] == "relabel", "value"]
    strange = sorted(set(relabels) - set(class_names))
    if strange:
        raise ExportError(
            f"Expected relabel:CLASS with one of the {len(class_names)} classes of the run, found "
            f"{listed(strange)}. Correct the tag in the App."
        )
    turns = sorted(set(decisions.loc[decisions["action"] == "turn", "value"]) - set(VIEWS))
    if turns:
        raise ExportError(
            f"Expected turns of {', '.join(VIEWS)}, found {listed(turns)}. "
            "Correct the tag in the App."
        )
