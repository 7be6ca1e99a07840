from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curate import palette
from curate.board.opening import Board
from curate.report.charts import Axis, Line, bar_chart, line_chart, ticks
from curate.report.given import Example, Given, PolicyShown
from curate.report.pictures import LEFT_OUT, MISSING, SIDE, Pictures
from curate.report.sections.augmentation import augmentation
from curate.report.sections.map import sampled
from curate.report.sections.training import training
from curate.report.theme import DARK, LIGHT
from made_board import made_board


def test_a_picture_is_small_upright_and_as_data(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: 90 degrees clockwise set it upright
    Image.new("RGB", (800, 400), "red").save(tmp_path / "a.jpg", exif=exif)
    (picture,) = Pictures().of([(str(tmp_path / "a.jpg"), "words")])
    head, _, packed = picture.address.partition(",")
    assert (head, picture.alt) == ("data:image/webp;base64", "words")
    with Image.open(io.BytesIO(base64.b64decode(packed))) as made:
        assert made.size == (SIDE // 2, SIDE)


def test_pictures_that_are_gone_or_have_no_room_are_said_so(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    here, gone = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    size = len(Pictures().of([(here, "")])[0].address)
    pictures = Pictures(budget=size)
    found = pictures.of([(here, ""), (gone, ""), (here, "")])
    assert [one.without for one in found] == ["", MISSING, LEFT_OUT]
    assert [bool(one.address) for one in found] == [True, False, False]


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 15, [0, 5, 10, 15]),
        (3, 4, [3, 3.2, 3.4, 3.6, 3.8, 4]),
        (0, 1234, [0, 500, 1000]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_a_line_goes_from_corner_to_corner_and_its_words_are_escaped() -> None:
    line = Line("a", "c0", [0, 1], [0, 1], [0, 0.5], [0.5, 1])
    chart = line_chart('"<said>"', [line], Axis("<x>", 0, 1), Axis("y", 0, 1), [(0.5, "<mark>")])
    assert 'points="40,166 330,26"' in chart  # the corners of the frame in charts.py
    assert "<x>" not in chart and "<mark>" not in chart and "<said>" not in chart
    assert "&lt;mark&gt;" in chart and "polygon" in chart


def test_a_line_of_one_point_is_a_dot_and_gaps_are_passed_over() -> None:
    axes = Axis("x", 0, 2), Axis("y", 0, 1)
    assert "<circle" in line_chart("", [Line("a", "c0", [1], [0.5])], *axes)
    drawn = line_chart("", [Line("a", "c0", [0, 1, 2], [0, float("nan"), 1])], *axes)
    assert 'points="40,166 330,26"' in drawn


def test_bars_stand_on_each_other() -> None:
    bars = [(0, 2, [("c0", 1.0), ("c1", 1.0), ("c2", 0.0)])]
    chart = bar_chart("said", bars, Axis("x", 0, 2), Axis("y", 0, 2))
    assert 'y="96" width="289.5" height="70" style="fill:var(--c0)"' in chart
    assert 'y="26" width="289.5" height="70" style="fill:var(--c1)"' in chart
    assert "--c2" not in chart


def test_of_many_points_half_at_most_are_wrong_or_flagged(tmp_path: Path) -> None:
    n = 100
    board = made_board(tmp_path / "run", ["a"] * n, ["b"] * 60 + ["a"] * 40, flagged={"hard": [70]})
    assert np.array_equal(sampled(board, n), np.arange(n))
    some = sampled(board, 20)
    assert len(set(some.tolist())) == 20 and (np.diff(some) > 0).all()
    assert (some < 60).sum() + (some == 70).sum() >= 10
    many = sampled(board, 90)
    assert set(range(60)) | {70} <= set(many.tolist()) or (many < 60).sum() >= 45


def test_of_few_wrong_ones_all_are_drawn(tmp_path: Path) -> None:
    board = made_board(tmp_path / "run", ["a"] * 50, ["b"] * 3 + ["a"] * 47, flagged={"x": [9]})
    assert {0, 1, 2, 9} <= set(sampled(board, 10).tolist())


def test_a_board_without_findings_is_sampled(tmp_path: Path) -> None:
    board: Board = made_board(tmp_path / "run", ["a"] * 9, ["a"] * 9)
    assert len(sampled(board, 4)) == 4


def evidence() -> pd.DataFrame:
    rows = [
        {"transform": name, "level": level, "unit": unit, "accuracy": 0.9 - level / 100,
         "accuracy_low": 0.8 - level / 100, "accuracy_high": 1 - level / 100, "drop": level / 100,
         "drop_low": 0.0, "drop_high": 0.2, "breaks": level >= 20, "gain": gain,
         "gain_low": gain - 0.01, "gain_high": gain + 0.01, "recommended": gain > 0, "why": "so"}
        for name, unit, gain, levels in (
            ("half_turn", None, -0.02, (1,)), ("rotate", "degrees", 0.03, (10, 20)),
        )
        for level in levels
    ]  # fmt: skip
    mixed = {"transform": "mixup", "recommended": False, "why": "not measured"}
    return pd.DataFrame([*rows, mixed])


def test_a_policy_is_told_with_its_reasons_curves_and_pictures() -> None:
    shown = PolicyShown(
        ((), (("rotate 10 to 20 degrees", "because <it> helps"),)), (("half_turn", "useless"),),
        evidence(), (Example("<c>", "data:image/gif,A", ("data:image/gif,B",), 1),), ("a note",),
    )  # fmt: skip
    section = augmentation(Given(policy=shown))
    assert section is not None
    body = str(section.body)
    assert "because &lt;it&gt; helps" in body and "No augmentation" in body and "a note" in body
    assert body.count("<svg") == 1 and "surely falls" in body  # the half turn has one level only
    assert "-0.200 [-0.200, +0.000]" in body and "at 20 degrees" in body
    assert "+0.030 [+0.020, +0.040]" in body and "not measured" in body
    assert body.index("rotate (recommended)") < body.index('<th scope="row">half turn')
    assert 'alt="&lt;c&gt;, as it is"' in body


def test_a_policy_without_evidence_or_steps_says_so() -> None:
    left = (("half_turn", "it is <useless>"),)
    section = augmentation(Given(policy=PolicyShown(((),), left, pd.DataFrame())))
    assert section is not None and "recommends no augmentation" in section.body
    assert "half turn" in section.body and "it is &lt;useless&gt;" in section.body
    assert augmentation(Given()) is None


def history(epochs: int, val: bool = True) -> pd.DataFrame:
    nothing = [None] * epochs
    at = np.arange(epochs)
    return pd.DataFrame(
        {
            "epoch": at, "stage": at // 2, "train_loss": 1.0 / (at + 1),
            "train_accuracy": at / epochs, "val_loss": 1.0 / (at + 2) if val else nothing,
            "val_accuracy": at / epochs if val else nothing,
            "val_low": at / epochs if val else nothing,
            "val_high": at / epochs if val else nothing, "best": at == epochs - 1,
        }
    )  # fmt: skip


def test_a_training_is_drawn_with_the_boundaries_of_its_stages() -> None:
    section = training(Given(history=history(6)))
    assert section is not None
    assert "stage 2" in section.body and "stage 3" in section.body
    assert "Best after epoch 6: val accuracy 0.833 [0.833, 0.833]." in section.body


def test_a_training_of_one_epoch_or_without_val_is_drawn() -> None:
    section = training(Given(history=history(1, val=False)))
    assert section is not None and "1 epoch" in section.body and "Best" not in section.body
    assert training(Given(history=history(1).iloc[:0])) is None


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_can_be_read_on_whatever_it_stands(colours: dict[str, str]) -> None:
    pairs = [
        (text, ground)
        for text, grounds in (
            ("text", ("page", "panel", "hit", "miss")),
            ("muted", ("page", "panel")),
            ("accent", ("page", "panel")),
        )
        for ground in grounds
    ]
    for text, ground in pairs:
        dark, light = sorted([luminance(colours[text]), luminance(colours[ground])])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
    assert set(palette.CATEGORIES) <= set(colours.values())
