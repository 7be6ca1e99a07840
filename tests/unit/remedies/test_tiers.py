from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import ExportError
from curate.remedies.edits import apply_decisions
from curate.remedies.schedule import staged_schedule
from curate.remedies.tiers import assign_tiers, difficulty_of

NAMES = ("cat", "dog")


def tiers_of(margins: list[float], labels: list[int], review: list[bool]) -> pd.DataFrame:
    ids = np.array([f"s{i:02d}" for i in range(len(labels))])
    return assign_tiers(
        ids, np.array(labels), np.array(margins), np.array(review), ["why"] * len(ids), NAMES
    )


def test_shares_follow_the_margin_class_by_class() -> None:
    margins = [*np.linspace(0.9, 0.0, 10), *np.linspace(-0.1, -0.9, 10)]
    table = tiers_of(margins, [0] * 10 + [1] * 10, [False] * 20)
    for start in (0, 10):
        assert table["tier"].iloc[start : start + 10].tolist() == (
            ["easy"] * 5 + ["medium"] * 3 + ["hard"] * 2
        )


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 1), st.booleans()), min_size=1, max_size=30)
)
def test_every_class_is_in_every_tier_it_has_images_for(
    rows: list[tuple[float, int, bool]],
) -> None:
    margins, labels, review = map(list, zip(*rows, strict=True))
    table = tiers_of(margins, labels, review).assign(label=labels, review=review)
    assert ((table["tier"] == "review") == table["review"]).all()
    for _, group in table[~table["review"]].groupby("label"):
        assert group["tier"].nunique() == min(3, len(group))
        hardest = group.groupby("tier")["difficulty"].agg(["min", "max"])
        present = [tier for tier in ("easy", "medium", "hard") if tier in hardest.index]
        for one, two in pairwise(present):
            assert hardest.loc[one, "max"] <= hardest.loc[two, "min"]


def test_difficulty_by_hand() -> None:
    np.testing.assert_allclose(difficulty_of(np.array([1, 0, -1.0])), [0, 0.5, 1])


def test_the_schedule_covers_all_epochs_without_gaps() -> None:
    for epochs in (3, 10, 15):
        stages = staged_schedule(epochs)
        starts = [stage["start_epoch"] for stage in stages]
        ends = [stage["end_epoch"] for stage in stages]
        assert starts == [0, *ends[:-1]]
        assert ends[-1] == epochs


def run_tables() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Ten train cats of falling margin, of which s09 is under review, a val and a test dog."""
    n = 12
    labels = ["cat"] * 10 + ["dog"] * 2
    p_cat = np.r_[np.linspace(0.99, 0.6, 9), 0.05, 0.3, 0.2]
    probs = np.column_stack([p_cat, 1 - p_cat])
    own = np.where(np.array(labels) == "cat", p_cat, 1 - p_cat)
    margin = 2 * own - 1
    tiers = tiers_of(margin[:10].tolist(), [0] * 10, [False] * 9 + [True])
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
