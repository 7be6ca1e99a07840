"""What people decided, carried out on a few cats and dogs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curate.errors import ExportError
from curate.remedies.edits import apply_decisions
from curate.remedies.tiering import Tiering
from curate.remedies.tiers import assign_tiers, difficulty_of

NAMES = ("cat", "dog")


def run_tables() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Ten train cats of falling margin, of which s09 is under review, a val and a test dog."""
    n = 12
    labels = ["cat"] * 10 + ["dog"] * 2
    p_cat = np.r_[np.linspace(0.99, 0.6, 9), 0.05, 0.3, 0.2]
    probs = np.column_stack([p_cat, 1 - p_cat])
    own = np.where(np.array(labels) == "cat", p_cat, 1 - p_cat)
    margin = 2 * own - 1
    tiers = assign_tiers(
        np.array([f"s{i:02d}" for i in range(10)]), np.zeros(10, dtype=int), margin[:10],
        np.arange(10) == 9, ["why"] * 10, NAMES,
    )  # fmt: skip
    samples = pd.DataFrame(
        {
            "sample_id": [f"s{i:02d}" for i in range(n)],
            "filepath": [f"/data/{i}.png" for i in range(n)],
            "split": ["train"] * 10 + ["val", "test"],
            "label": labels,
            "margin": margin,
            "difficulty": difficulty_of(margin),
            "tier": [*tiers["tier"], None, None],
        }
    )
    return samples, tiers, probs


def decide(*rows: tuple[str, str, str]):
    samples, tiers, probs = run_tables()
    decisions = pd.DataFrame(
        [(*row, "app:tag") for row in rows], columns=["sample_id", "action", "value", "source"]
    )
    edited = apply_decisions(samples, tiers, decisions, probs, NAMES)
    return edited.samples.set_index("sample_id"), edited.edits


def test_without_decisions_only_the_suspects_of_train_are_held_back() -> None:
    samples, edits = decide()
    assert samples.index[samples["dropped"]].tolist() == ["s09"]
    assert edits[["filepath", "action", "value", "by"]].values.tolist() == [
        ["/data/9.png", "drop", "review", "tool"]
    ]


@pytest.mark.parametrize("action", ["hard", "easy"])
def test_a_persons_tier_wins_even_over_review(action: str) -> None:
    samples, edits = decide(("s00", action, ""), ("s09", action, ""))
    assert samples.loc[["s00", "s09"], "tier"].tolist() == [action, action]
    assert not samples.loc["s09", "dropped"]
    assert samples.loc["s00", "reason"] == f"person: called {action} by a tag in the App"
    assert edits.empty


def test_with_five_tiers_people_mean_the_first_and_the_last() -> None:
    samples, tiers, probs = run_tables()
    tiering = Tiering(5)
    tiers = tiers.assign(tier=[f"tier{i // 2 + 1}" for i in range(9)] + ["review"], weight=2.0)
    decisions = pd.DataFrame(
        [("s04", "easy", "", "app:tag"), ("s00", "hard", "", "app:tag"), ("s09", "ok", "", "")],
        columns=["sample_id", "action", "value", "source"],
    )
    edited = apply_decisions(samples, tiers, decisions, probs, NAMES, tiering).samples
    assert edited["tier"].tolist()[:10] == [
        "tier5", "tier1", "tier2", "tier2", "tier1", "tier3", "tier4", "tier4", "tier5", "tier5",
    ]  # fmt: skip
    assert edited["weight"].tolist() == [1.0, 2.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]


def test_a_run_of_before_there_were_weights_has_none() -> None:
    samples, tiers, probs = run_tables()
    none = pd.DataFrame(columns=["sample_id", "action", "value", "source"])
    edited = apply_decisions(samples, tiers.drop(columns="weight"), none, probs, NAMES)
    assert set(edited.samples["weight"]) == {1.0}


def test_ok_puts_a_suspect_back_by_the_cut_offs_of_its_class() -> None:
    samples, edits = decide(("s09", "ok", ""))
    assert samples.loc["s09", "tier"] == "hard"
    assert edits.empty


def test_exclude_drops_in_any_split_and_beats_the_rest() -> None:
    samples, edits = decide(("s00", "exclude", ""), ("s00", "hard", ""), ("s11", "exclude", ""))
    assert samples.index[samples["dropped"]].tolist() == ["s00", "s09", "s11"]
    assert edits["by"].tolist() == ["person", "person", "tool"]


def test_relabel_changes_label_and_difficulty_and_is_recorded() -> None:
    samples, edits = decide(("s09", "relabel", "dog"), ("s10", "relabel", "cat"))
    assert samples.loc["s09", "label"] == "dog"
    assert samples.loc["s09", "difficulty"] == pytest.approx(0.05)
    assert samples.loc["s09", "tier"] == "easy"
    assert samples.loc["s10", "label"] == "cat"
    assert samples.loc["s10", "tier"] == ""
    assert edits["action"].tolist() == ["relabel", "relabel"]
    assert edits["value"].tolist() == ["dog", "cat"]
    assert edits["by"].tolist() == ["person", "person"]


def test_a_turn_is_noted_beside_the_rest_and_says_where_it_came_from() -> None:
    samples, tiers, probs = run_tables()
    decisions = pd.DataFrame(
        [
            ("s00", "turn", "vflip", "app:plugin", "orientation"),
            ("s09", "relabel", "dog", "app:plugin", ""),
            ("s09", "turn", "rot90", "app:tag", ""),
        ],
        columns=["sample_id", "action", "value", "source", "finding"],
    )
    edited = apply_decisions(samples, tiers, decisions, probs, NAMES)
    turns = edited.samples.set_index("sample_id")["turn"]
    assert turns[turns != ""].to_dict() == {"s00": "vflip", "s09": "rot90"}
    assert edited.edits[["label", "action", "value", "reason"]].to_numpy().tolist() == [
        ["cat", "turn", "vflip", "person: to be turned by vflip in the App on orientation"],
        ["cat", "relabel", "dog", "person: relabelled from cat in the App"],
        ["dog", "turn", "rot90", "person: to be turned by rot90 by a tag in the App"],
    ]


def test_decisions_on_images_that_are_gone_are_passed_over() -> None:
    samples, _ = decide(("zz", "exclude", ""))
    assert samples["dropped"].sum() == 1


def test_unknown_classes_and_actions_are_refused() -> None:
    with pytest.raises(ExportError, match="with one of the 2 classes of the run, found 'wolf'"):
        decide(("s00", "relabel", "wolf"))
    with pytest.raises(ExportError, match="found 'maybe'"):
        decide(("s00", "maybe", ""))
    with pytest.raises(ExportError, match=r"Expected turns of identity.* found 'sideways'"):
        decide(("s00", "turn", "sideways"))
