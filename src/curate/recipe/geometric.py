"""What moves pixels: each transform by its magnitudes, as albumentations is told it.

Each function takes the magnitudes `low` and `high` (in the transform's own unit), the probability
`p` and the size (height, width) of the images. Where a transform has a direction, both are equally
likely: a range from 0 is one transform with limits of both signs, any other is one of two.
"""

from __future__ import annotations

import math

from curate.recipe.specs import REFLECT, Spec, between, one_of, share, spec, steps

Size = tuple[int, int]


def horizontal_flip(low: float, high: float, p: float, size: Size) -> Spec:
    """Left becomes right."""
    return spec("HorizontalFlip", p)


def vertical_flip(low: float, high: float, p: float, size: Size) -> Spec:
    """Top becomes bottom, mirrored."""
    return spec("VerticalFlip", p)


def half_turn(low: float, high: float, p: float, size: Size) -> Spec:
    """By 180 degrees: both flips at once, exact for any size."""
    return spec("Sequential", p, transforms=[spec("HorizontalFlip"), spec("VerticalFlip")])


def quarter_turn(low: float, high: float, p: float, size: Size) -> Spec:
    """By 90 degrees to either side about the centre, in a frame that keeps its shape.

    Exact for a square. Of a longer picture the central square is turned and the rest mirrored:
    swapping the sides would change the shape, and squeezing it back would change the proportions.
    """
    turned = [spec("Rotate", limit=[a, a], border_mode=REFLECT) for a in (90.0, -90.0)]
    return one_of(turned, p)


def rotate(low: float, high: float, p: float, size: Size) -> Spec:
    """About the centre."""
    limits = [between(-high, high)] if low == 0 else [between(low, high), between(-high, -low)]
    return one_of([spec("Rotate", limit=limit, border_mode=REFLECT) for limit in limits], p)


def affine(low: float, high: float, p: float, size: Size) -> Spec:
    """Shifted along both sides and zoomed in or out, each by the same share."""
    small, large = share(low), share(high)

    def moved(x: list[float], y: list[float], scale: list[float]) -> Spec:
        return spec(
            "Affine",
            translate_percent={"x": x, "y": y},
            scale=scale,
            keep_ratio=True,
            border_mode=REFLECT,
        )

    if small == 0:
        both = between(-large, large)
        return {**moved(both, both, between(1 / (1 + large), 1 + large)), "p": p}
    there, back = between(small, large), between(-large, -small)
    nearer, farther = between(1 + small, 1 + large), between(1 / (1 + large), 1 / (1 + small))
    return one_of(
        [
            moved(there, there, nearer),
            moved(back, back, nearer),
            moved(there, back, farther),
            moved(back, there, farther),
        ],
        p,
    )


def perspective(low: float, high: float, p: float, size: Size) -> Spec:
    """Corners drawn inwards by a share of the sides (a normal draw of that standard deviation)."""
    return spec("Perspective", p, scale=between(share(low), share(high)), border_mode=REFLECT)


def random_resized_crop(low: float, high: float, p: float, size: Size) -> Spec:
    """A piece of the picture at any place, brought back to the full size.

    The piece's proportions differ from the picture's by up to a third (as in Szegedy et al. 2015),
    and never by so much that the piece would not fit.
    """
    height, width = size
    area = 1 - share(high)
    bound = min(4 / 3, 1 / area)
    return spec(
        "RandomResizedCrop",
        p,
        size=[height, width],
        scale=between(area, 1 - share(low)),
        ratio=between(width / height / bound, width / height * bound),
    )


def elastic(low: float, high: float, p: float, size: Size) -> Spec:
    """A smooth random field moves every pixel (Simard et al. 2003).

    albumentations smooths uniform noise in [-1, 1] by a Gaussian of `sigma` pixels and multiplies
    by `alpha`. The noise has the standard deviation 1/sqrt(3), of which smoothing leaves
    1/(2 sqrt(pi) sigma): alpha = rms * 2 sqrt(3 pi) * sigma moves pixels by `rms` (root mean
    square, along each side).
    `sigma` is a tenth of the shorter side, so the field is as smooth at any size.
    """
    side = min(size)
    sigma = max(1.0, side / 10)
    per_pixel = 2 * math.sqrt(3 * math.pi) * sigma
    return one_of(
        [
            spec(
                "ElasticTransform",
                alpha=round(share(magnitude) * side * per_pixel, 4),
                sigma=sigma,
                noise_distribution="uniform",
                border_mode=REFLECT,
            )
            for magnitude in steps(low, high)
        ],
        p,
    )


def grid_distortion(low: float, high: float, p: float, size: Size) -> Spec:
    """The cells of a 5 x 5 grid become wider and narrower, by up to the magnitude.

    A cell has at least 4 pixels, so small pictures have fewer. albumentations sets the grid's lines
    to whole pixels: below about 30 pixels a side even a magnitude of 0 moves something.
    """
    cells = max(2, min(5, min(size) // 4))
    return one_of(
        [
            spec(
                "GridDistortion",
                num_steps=cells,
                distort_limit=between(-share(m), share(m)),
                border_mode=REFLECT,
            )
            for m in steps(low, high)
        ],
        p,
    )


def optical_distortion(low: float, high: float, p: float, size: Size) -> Spec:
    """As through a barrel or pincushion lens: what is at r moves to r (1 + k (r / corner)^2).

    By albumentations' "fisheye" mode: its "camera" mode shifts every picture by half a pixel.
    """
    small, large = share(low), share(high)
    limits = [between(-large, large)]
    if small > 0:
        limits = [between(small, large), between(-large, -small)]
    return one_of(
        [
            spec("OpticalDistortion", distort_limit=limit, mode="fisheye", border_mode=REFLECT)
            for limit in limits
        ],
        p,
    )


def coarse_dropout(low: float, high: float, p: float, size: Size) -> Spec:
    """One rectangle of about the picture's proportions, covered by mid-grey.

    The cover is no background of digits on black or sketches on white, and adds no colour to what
    has none. Random erasing (Zhong et al. 2020) found that the value matters little. The sides of
    the hole are drawn one by one.
    """
    sides = between(math.sqrt(share(low)), math.sqrt(share(high)))
    return spec(
        "CoarseDropout",
        p,
        num_holes_range=[1, 1],
        hole_height_range=sides,
        hole_width_range=sides,
        fill=127,
    )
