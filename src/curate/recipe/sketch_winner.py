"""The augmentation of the preset `sketch-winner`: none, then turns, then distortions as well."""

from __future__ import annotations

from curate.recipe.policy import Policy, Step


def sketch_winner_policy(classes: tuple[str, ...], seed: int) -> Policy:
    """What the winners of an ImageNet-Sketch competition trained with, stage by stage.

    Elastic and grid distortion are named as albumentations names them, since their arguments are
    what is known: alpha 30 and sigma 4, 4 steps of up to 0.2, each transform with probability 0.5.

    Not judged on your images: a vertical flip makes another class of some digits and letters.
    `curate policy RUN --judge FILE` measures it.

    Args:
        classes: of the run.
        seed: of the run.
    """
    why = "as the winners of an ImageNet-Sketch competition did; not judged on these images"
    flips = [
        Step("horizontal_flip", 0.5, reason=why),
        Step("vertical_flip", 0.5, reason=why),
    ]
    turned = (*flips, Step("rotate", 0.5, (0, 10), reason=why))
    elastic = {"alpha": 30, "sigma": 4}
    grid = {"num_steps": 4, "distort_limit": 0.2}
    distorted = (
        *flips,
        Step("rotate", 0.5, (0, 15), reason=why),
        Step("albumentations:ElasticTransform", 0.5, params=elastic, reason=why),
        Step("albumentations:GridDistortion", 0.5, params=grid, reason=why),
    )
    return Policy(
        ((), turned, distorted), classes, seed, made_by={"preset": "sketch-winner"}
    )  # fmt: skip
