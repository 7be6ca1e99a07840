"""An export as a dataset for PyTorch: images upright, augmented as the epoch's stage says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from curate.data.images import UnreadableImage, load_rgb
from curate.data.views import apply_view
from curate.errors import CurriculumError, DataError
from curate.findings import Floats, Ints
from curate.recipe.curriculum import read_curriculum
from curate.recipe.sampling import weights
from curate.training.preparing import prepare

if TYPE_CHECKING:
    from curate.recipe.applying import Augment
    from curate.recipe.policy import Step

SPLITS = ("train", "val", "test")

LEAST_SIDE = 8
"""Images with a shorter side are too small for the transforms and stay as they are."""


class Draw(int):
    """A row number that knows how often its image was drawn before in the same epoch.

    An image that is drawn twice is augmented in two ways. It is the plain number to everything
    else, so a loader, a trainer or a list of targets sees no difference.
    """

    repeat: int

    def __new__(cls, row: int, repeat: int = 0) -> Draw:
        """Make the row number remember `repeat`."""
        one = super().__new__(cls, row)
        one.repeat = repeat
        return one


class CurriculumDataset(Dataset[tuple[Any, ...]]):
    """The images of one split of an export, by row number, as ``(image, target)``.

    An image is decoded as the analysis decoded it (EXIF orientation, transparency on white, 16
    bits, CMYK), turned where a person said so, resized, augmented if it is of train and the current
    stage has a policy, and given to `transform` as a `PIL.Image`. What an image becomes depends on
    the seed of the export, the epoch, the image, and how often it was drawn before in the epoch:
    never on the workers, the batch or the order. It is augmented after resizing, since that is how
    the evidence for it was measured, and large photographs then cost no more than small ones.

    `set_epoch` is seen at once by workers that are already running, since the epoch lies in shared
    memory: the loader is never made anew, with ``persistent_workers=True`` either. (A copy made by
    `copy.deepcopy` or by plain pickling has an epoch of its own.)

    Mixup and cutmix mix a batch and are no matter of one image: `batch_steps` names those of the
    current stage, and the loop or the trainer does them.

    Args:
        folder: of an export.
        split: ``train``, ``val`` or ``test``. Images of val and test without a label are left out.
        transform: from the augmented `PIL.Image` to whatever the model takes; by default to a float
            tensor (3, height, width) of 0 to 1, normalised by `data_config`.
        image_size: height and width that images are resized and cut to before augmentation; without
            it and `data_config` they stay as large as they are.
        epoch: to begin with.
        data_config: timm's, as `timm.data.resolve_model_data_config` gives it: size, crop, mean and
            standard deviation.
        return_index: give ``(image, target, index)``, for losses by image.
        seed: of the augmentation, and of the order of a `CurriculumSampler` made with this dataset;
            by default the export's.

    Attributes:
        curriculum: the export.
        classes: their names; a target is a number in it.
        targets: (n,) class numbers.
        paths: of the images.

    Raises:
        CurriculumError: the folder is no export or one that cannot be followed, there is no such
            split, or the arguments contradict each other.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str = "train",
        transform: Callable[[Image.Image], Any] | None = None,
        image_size: int | None = None,
        epoch: int = 0,
        *,
        data_config: Mapping[str, Any] | None = None,
        return_index: bool = False,
        seed: int | None = None,
    ) -> None:
        if split not in SPLITS:
            raise CurriculumError(f"Expected a split of {', '.join(SPLITS)}, found {split!r}.")
        if transform is not None and data_config is not None:
            raise CurriculumError(
                "Expected a transform or a data_config, found both. Leave one out; image_size goes "
                "with either."
            )
        self.curriculum = read_curriculum(folder)
        self.split = split
        self.seed = self.curriculum.seed if seed is None else int(seed)
        self.classes = tuple(self.curriculum.classes)
        table = self.curriculum.split(split)
        table = table[table["target"] >= 0]
        self.paths: list[str] = table["filepath"].tolist()
        self.targets: Ints = table["target"].to_numpy(dtype=np.int64)
        self._turns: list[str] = table["turn"].tolist()
        self._resized, to_tensor = prepare(image_size, data_config)
        self.transform = transform or to_tensor
        self.return_index = return_index
        self._augments = self._of_each_stage() if split == "train" else {}
        self._epoch = torch.zeros(1, dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call] # torch has no type for it
        self.set_epoch(epoch)

    @property
    def epoch(self) -> int:
        """The current epoch, from 0."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch, counted from 0; running workers see it with their next image.

        A `CurriculumSampler` made with this dataset calls it.

        Raises:
            CurriculumError: the schedule has no such epoch.
        """
        self.curriculum.schedule.stage_at(epoch)
        self._epoch.fill_(int(epoch))

    @property
    def weights(self) -> Floats:
        """(n,) how often the current stage draws each image relative to the others.

        They suit torch's `WeightedRandomSampler`; `CurriculumSampler` does better, since it keeps
        the share and the order of the stage too.
        """
        if self.split != "train":
            return np.ones(len(self.paths))
        return weights(self.curriculum.table, self.curriculum.schedule.stage_at(self.epoch))

    @property
    def batch_steps(self) -> Mapping[str, Step]:
        """Mixup and cutmix of the current stage, by name; `curate.training.mixing` does them."""
        policy, at = self.curriculum.policy, self.curriculum.schedule.stage_at(self.epoch)
        if self.split != "train" or policy is None or at.policy_stage is None:
            return {}
        return policy.trainer_settings(at.policy_stage)

    def lr_scale(self, epoch: int | None = None) -> float:
        """What the base learning rate is multiplied by in an epoch, the current one by default.

        The product of the factors of all stages begun so far; `curate.training.rates` applies it.
        """
        return self.curriculum.schedule.lr_scale(self.epoch if epoch is None else epoch)

    def __len__(self) -> int:
        """Images of the split."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """The image and its class number, and the row number with ``return_index=True``.

        Raises:
            DataError: the file is gone or cannot be decoded.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"Expected an index below {len(self)}, found {index}.")
        row, repeat = int(index) % len(self), getattr(index, "repeat", 0)
        target = int(self.targets[row])
        image = self.transform(self._augmented(row, repeat, target))
        return (image, target, row) if self.return_index else (image, target)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """An image decoded and set upright, neither augmented nor resized: (height, width, 3)."""
        return np.asarray(self._upright(index))

    def _upright(self, index: int) -> Image.Image:
        path = self.paths[index]
        try:
            image = load_rgb(path)
        except UnreadableImage as error:
            raise DataError(
                f"Expected an image at {path}, found none that can be read: {error}. "
                f"See what else has changed: curate export --check {self.curriculum.folder}"
            ) from error
        turn = self._turns[index]
        return Image.fromarray(apply_view(np.asarray(image), turn)) if turn else image

    def _augmented(self, row: int, repeat: int, target: int) -> Image.Image:
        epoch = self.epoch
        augment = self._augments.get(self.curriculum.schedule.stage_at(epoch).policy_stage)
        image = self._resized(self._upright(row))
        if augment is None or min(image.size) < LEAST_SIDE:
            return image
        seed = np.random.SeedSequence([abs(self.seed), epoch, row, repeat])
        changed = augment(np.asarray(image), self.classes[target], int(seed.generate_state(1)[0]))
        return Image.fromarray(changed)

    def _of_each_stage(self) -> dict[int | None, Augment]:
        policy, schedule = self.curriculum.policy, self.curriculum.schedule
        if policy is None:
            return {}
        from curate.recipe.applying import Augment

        stages = {stage.policy_stage for stage in schedule.stages}
        return {at: Augment(policy, at, self.seed) for at in stages if at is not None}
