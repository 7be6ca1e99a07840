import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from curate.data.views import VIEWS, apply_view, inverse_view

# No two views of it are equal.
KEY = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)

images = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3]))
)
views = st.sampled_from(VIEWS)


def composed(first: str, second: str) -> str:
    """The single view that equals `first`, then `second`."""
    both = apply_view(apply_view(KEY, first), second)
    (name,) = (view for view in VIEWS if np.array_equal(apply_view(KEY, view), both))
    return name


@given(images, views, views)
def test_two_views_after_each_other_are_one_of_the_eight(image, first, second):
    both = apply_view(apply_view(image, first), second)
    np.testing.assert_array_equal(both, apply_view(image, composed(first, second)))


@given(images, views)
def test_the_inverse_undoes(image, name):
    np.testing.assert_array_equal(apply_view(apply_view(image, name), inverse_view(name)), image)
    assert composed(name, inverse_view(name)) == "identity"


def test_group_is_the_dihedral_one():
    for first in VIEWS:  # each row of the table is a permutation: it is a group
        assert {composed(first, second) for second in VIEWS} == set(VIEWS)
    assert composed("rot90", "rot90") == "rot180"
    assert composed("rot90", "rot180") == "rot270"
    assert composed("hflip", "vflip") == composed("vflip", "hflip") == "rot180"
    assert composed("rot90", "hflip") != composed("hflip", "rot90")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", [[0, 1, 2], [3, 4, 5]]),
        ("hflip", [[2, 1, 0], [5, 4, 3]]),
        ("vflip", [[3, 4, 5], [0, 1, 2]]),
        ("rot90", [[2, 5], [1, 4], [0, 3]]),
        ("rot180", [[5, 4, 3], [2, 1, 0]]),
        ("rot270", [[3, 0], [4, 1], [5, 2]]),
        ("transpose", [[0, 3], [1, 4], [2, 5]]),
        ("transverse", [[5, 2], [4, 1], [3, 0]]),
    ],
)
def test_each_view_by_hand(name, expected):
    np.testing.assert_array_equal(apply_view(KEY, name)[..., 0], expected)


@given(images)
def test_rotations_and_mirrors_are_those_of_numpy_and_pillow(image):
    for turns, name in enumerate(("identity", "rot90", "rot180", "rot270")):
        np.testing.assert_array_equal(apply_view(image, name), np.rot90(image, turns))
    for name in ("transpose", "transverse"):
        pillow = Image.fromarray(image[..., 0]).transpose(Image.Transpose[name.upper()])
        np.testing.assert_array_equal(apply_view(image, name)[..., 0], np.asarray(pillow))


@given(st.lists(images, min_size=1, max_size=1), views)
def test_a_stack_is_transformed_image_by_image(stack, name):
    batch = np.stack(stack * 2)
    viewed = apply_view(batch, name)
    np.testing.assert_array_equal(viewed[1], apply_view(stack[0], name))


@given(images, views)
def test_result_is_contiguous_and_input_unchanged(image, name):
    before = image.copy()
    assert apply_view(image, name).flags.c_contiguous
    np.testing.assert_array_equal(image, before)


def test_unknown_view_and_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"Expected a view of identity, hflip, .*found 'rot45'"):
        apply_view(KEY, "rot45")
    with pytest.raises(ValueError, match="found 'up'"):
        inverse_view("up")
    with pytest.raises(ValueError, match=r"Expected \(\.\.\., height, width, channels\)"):
        apply_view(KEY[..., 0], "hflip")
