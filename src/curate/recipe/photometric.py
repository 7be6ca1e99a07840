"""What changes light, colour and sharpness: each transform by its magnitudes.

The arguments are those of `curate.recipe.geometric`.
"""

from __future__ import annotations

from curate.recipe.geometric import Size
from curate.recipe.specs import Spec, between, one_of, share, spec

_STILL = [1.0, 1.0]
_NO_HUE = [0.0, 0.0]


def hue_saturation_value(low: float, high: float, p: float, size: Size) -> Spec:
    """Hue turned, saturation and brightness multiplied.

    By factors, as torchvision's ColorJitter: adding to the saturation, as albumentations'
    HueSaturationValue does, would colour a picture that has no colour. The hue turns by a fifth as
    many percent of the colour circle (at 50 %: 36 degrees), the proportion of the usual jitter.
    """
    small, large = share(low), share(high)
    if small == 0:
        factor = between(1 - large, 1 + large)
        return _jitter(p, brightness=factor, saturation=factor, hue=between(-large / 5, large / 5))
    more, less = between(1 + small, 1 + large), between(1 - large, 1 - small)
    there, back = between(small / 5, large / 5), between(-large / 5, -small / 5)
    return one_of(
        [
            _jitter(brightness=more, saturation=more, hue=there),
            _jitter(brightness=more, saturation=less, hue=back),
            _jitter(brightness=less, saturation=more, hue=back),
            _jitter(brightness=less, saturation=less, hue=there),
        ],
        p,
    )


def brightness_contrast(low: float, high: float, p: float, size: Size) -> Spec:
    """All values multiplied, and their distance from the mean grey multiplied."""
    small, large = share(low), share(high)
    if small == 0:
        factor = between(1 - large, 1 + large)
        return _jitter(p, brightness=factor, contrast=factor)
    more, less = between(1 + small, 1 + large), between(1 - large, 1 - small)
    return one_of(
        [_jitter(brightness=b, contrast=c) for b in (more, less) for c in (more, less)],
        p,
    )


def gamma(low: float, high: float, p: float, size: Size) -> Spec:
    """Value ** gamma, with a gamma as often above 1 (darker) as below it (brighter)."""
    small, large = 1 + share(low), 1 + share(high)
    return one_of(
        [
            spec("RandomGamma", gamma_limit=between(100 * small, 100 * large)),
            spec("RandomGamma", gamma_limit=between(100 / large, 100 / small)),
        ],
        p,
    )


def grey(low: float, high: float, p: float, size: Size) -> Spec:
    """No colour; the number of channels stays."""
    return spec("ToGray", p)


def blur(low: float, high: float, p: float, size: Size) -> Spec:
    """A Gaussian; its sigma is a share of the shorter side, as models scale that to their input."""
    side = min(size)
    # A sigma of 0 divides by zero in albumentations; this one changes nothing.
    sigmas = between(max(0.01, share(low) * side), max(0.01, share(high) * side))
    return spec("GaussianBlur", p, blur_limit=0, sigma_limit=sigmas)


def noise(low: float, high: float, p: float, size: Size) -> Spec:
    """Independent Gaussian noise for each pixel, the same in all channels: grey stays grey."""
    return spec("GaussNoise", p, std_range=between(share(low), share(high)), per_channel=False)


def jpeg(low: float, high: float, p: float, size: Size) -> Spec:
    """Written and read again as JPEG."""
    return spec("ImageCompression", p, quality_range=[round(100 - high), round(100 - low)])


def sharpen(low: float, high: float, p: float, size: Size) -> Spec:
    """Mixed with its own sharpened copy; the brightness stays."""
    alphas = between(share(low), share(high))
    return spec("Sharpen", p, alpha=alphas, lightness=[1.0, 1.0])


def _jitter(
    p: float = 1.0,
    brightness: list[float] = _STILL,
    contrast: list[float] = _STILL,
    saturation: list[float] = _STILL,
    hue: list[float] = _NO_HUE,
) -> Spec:
    return spec(
        "ColorJitter",
        p,
        brightness=list(brightness),
        contrast=list(contrast),
        saturation=list(saturation),
        hue=list(hue),
    )
