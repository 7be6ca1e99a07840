"""Each property with one image outside, and data in which nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.data.statistics import STATISTICS
from curate.detectors.image_quality import ImageQuality
from curate.findings import Evidence
from made_evidence import make_evidence

N = 100
USUAL = {
    "brightness": 0.5, "contrast": 0.2, "entropy": 7.0, "chroma": 0.15, "coloured": 0.5,
    "commonest_colour": 0.3, "burnt": 0.0, "dark_share": 0.02, "bright_share": 0.02,
    "darkest": 0.05, "brightest": 0.95, "smoothness": 0.6, "border": 0.0, "margin": 0.0,
    "background_spread": 0.2,
}  # fmt: skip


def photographs(**odd: float) -> Evidence:
    """A hundred that vary by a tenth of the usual values, row 7 of them with `odd` ones."""
    wave = 1 + 0.1 * np.sin(np.arange(N))
    stats = pd.DataFrame({name: USUAL.get(name, 0.5) * wave for name in STATISTICS})
    files = pd.DataFrame({"width": [300.0] * N, "height": [200.0] * N})
    for name, value in odd.items():
        (files if name in files else stats).loc[7, name] = value
    return replace(make_evidence(N), image_stats=stats, file_facts=files)


def test_nothing_is_outside_where_all_are_usual() -> None:
    found = ImageQuality().detect(photographs())
    assert found.flagged.empty
    assert found.info == {"faults": {}}


@pytest.mark.parametrize(
    ("odd", "fault"),
    [
        ({"smoothness": 0.97}, "blurred"),
        ({"brightness": 0.05}, "dark"),
        ({"brightness": 0.95}, "bright"),
        ({"bright_share": 0.7}, "bright"),
        ({"burnt": 0.2, "bright_share": 0.1}, "over-exposed"),
        ({"contrast": 0.02}, "low contrast"),
        ({"brightest": 0.65, "darkest": 0.5}, "low contrast"),
        ({"entropy": 1.0}, "low information"),
        ({"commonest_colour": 0.99}, "low information"),
        ({"coloured": 0.0}, "grey among colour"),
        ({"border": 0.2}, "border"),
        ({"width": 30, "height": 20}, "small"),
        ({"width": 3000, "height": 2000}, "large"),
        ({"width": 100, "height": 600}, "narrow"),
        ({"width": 1200, "height": 50}, "wide"),
    ],
)
def test_one_image_outside_is_flagged_alone_and_its_fault_named(
    odd: dict[str, float], fault: str
) -> None:
    evidence = photographs(**odd)
    found = ImageQuality().detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
    assert found.flagged["reason"].item().endswith(f": {fault}")
    assert found.flagged["type"].tolist() == [fault]
    assert found.info == {"faults": {fault: 1}}


def test_what_all_images_share_is_no_fault() -> None:
    drawings = {"brightness": 0.97, "bright_share": 0.95, "coloured": 0.0, "entropy": 0.7}
    evidence = photographs()
    evidence = replace(evidence, image_stats=evidence.image_stats.assign(**drawings))
    assert ImageQuality().detect(evidence).flagged.empty


def test_an_image_without_a_bright_spot_is_dark_and_has_little_range() -> None:
    found = ImageQuality().detect(photographs(brightest=0.25, darkest=0.0))
    assert found.info == {"faults": {"dark": 1, "low contrast": 1}}
    assert found.flagged["type"].tolist() == ["dark"]


@pytest.mark.parametrize(
    "odd",
    [
        {"burnt": 0.4},  # bright paint
        {"burnt": 0.2, "bright_share": 0.1, "background_spread": 0.0},  # an object on white
    ],
)
def test_bright_paint_and_a_white_ground_are_not_over_exposed(odd: dict[str, float]) -> None:
    assert ImageQuality().detect(photographs(**odd)).flagged.empty


def test_borders_are_told_by_the_percentile_where_most_images_have_no_margin() -> None:
    stats = photographs().image_stats
    stats.loc[:5, "border"] = [0.1, 0.2, 0.3, 0.4, 0.45, 0.5]  # 95 % have at most 0.105
    found = ImageQuality().detect(replace(photographs(), image_stats=stats))
    assert found.info == {"faults": {"border": 5}}
    # Of drawings on a plain ground some end on a straight line by chance: the tail goes on to 0.44.
    drawings = ImageQuality().detect(replace(photographs(), image_stats=stats.assign(margin=0.3)))
    assert drawings.info == {"faults": {"border": 2}}
    stats.loc[:49, "border"] = 0.2 + 0.002 * np.arange(50)  # half of the images: that is usual
    assert ImageQuality().detect(replace(photographs(), image_stats=stats)).flagged.empty


def test_one_in_colour_among_grey_images_is_flagged() -> None:
    stats = photographs().image_stats.assign(coloured=0.0)
    stats.loc[7, "coloured"] = 0.3
    found = ImageQuality().detect(replace(photographs(), image_stats=stats))
    assert found.flagged["reason"].tolist() == ["coloured 0.3, typical 0: colour among grey"]


def test_the_excess_is_the_distance_by_the_reach_of_the_tail() -> None:
    evidence = photographs()
    stats = evidence.image_stats.assign(bright_share=np.linspace(0, 0.2, N) ** 2)
    stats.loc[7, "bright_share"] = 0.9
    found = ImageQuality(reach=2.0).detect(replace(evidence, image_stats=stats))
    low, median, right, high = np.quantile(stats["bright_share"], [0.05, 0.5, 0.8, 0.95])
    limit = high - median + min(high - median, (high - right) * np.log(10) / np.log(4))
    excess = (0.9 - median) / max(limit, 0.2)
    assert found.table["score"][7] == pytest.approx(1 / (1 + excess))
    said = found.flagged["reason"].item()
    assert said.endswith(
        f"bright share 0.9, typical {median:.3g} (middle 90 %: {low:.3g} to {high:.3g}): bright"
    )


def test_grey_is_typical_where_more_than_a_twentieth_is_grey() -> None:
    stats = photographs().image_stats
    stats.loc[:6, "coloured"] = 0.0
    assert ImageQuality().detect(replace(photographs(), image_stats=stats)).flagged.empty


def test_several_faults_are_all_named_the_worst_first() -> None:
    found = ImageQuality().detect(photographs(brightness=0.01, border=0.1))
    faults = [part.split(": ")[-1] for part in found.flagged["reason"].item().split("; ")]
    assert faults == ["dark", "border"]


def test_without_facts_of_files_the_pixels_are_judged() -> None:
    evidence = replace(photographs(border=0.2), file_facts=None)
    found = ImageQuality().detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
