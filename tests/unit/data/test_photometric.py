from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data

from curate.data.photometric import PHOTOMETRIC, change

images = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))
)


@settings(deadline=None)
@given(images, st.sampled_from(PHOTOMETRIC))
def test_shape_and_type_stay_and_the_image_is_left_as_it_is(image, name):
    before = image.copy()
    found = change(image, name)
    assert (found.shape, found.dtype) == (image.shape, image.dtype)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(change(image, name), found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("darker", [[0, 50, 128]]),
        ("brighter", [[0, 150, 255]]),
        ("low_contrast", [[71, 111, 173]]),  # about the mean of 118.33
    ],
)
def test_each_change_by_hand(name, expected):
    image = np.array([[[0], [100], [255]]], dtype=np.uint8)
    assert change(image, name)[..., 0].tolist() == expected


def test_grey_is_luma_in_every_channel():
    found = change(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), "grey")
    assert found.tolist() == [[[76] * 3, [150] * 3, [29] * 3]]


@pytest.mark.parametrize("name", ["blurred", "jpeg"])
def test_what_is_lost_is_detail_and_not_light(name):
    image = data.astronaut()[:224, 100:324]
    found = change(image, name)
    assert abs(found.mean() - image.mean()) < 2
    fine = [np.abs(np.diff(x.astype(int), axis=0)).mean() for x in (image, found)]
    assert fine[1] < 0.95 * fine[0]


def test_what_is_no_change_is_said():
    with pytest.raises(ValueError, match=r"Expected a change of darker.*found 'vflip'"):
        change(np.zeros((2, 2, 3), np.uint8), "vflip")
    with pytest.raises(ValueError, match=r"Expected \(height, width, 1 or 3\) uint8"):
        change(np.zeros((2, 2), np.uint8), "darker")
