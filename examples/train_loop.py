"""Train on an export in a plain PyTorch loop: ``python examples/train_loop.py EXPORT [MODEL]``."""

import sys

import timm
import torch
from torch.utils.data import DataLoader

import curate
from curate.numerics.intervals import wilson
from curate.training.mixing import Mixing
from curate.training.rates import ScaledRates

if __name__ == "__main__":
    export, model_name = [*sys.argv[1:], "test_convnext"][:2]
    torch.manual_seed(0)
    train, val = (curate.CurriculumDataset(export, s, image_size=64) for s in ("train", "val"))
    sampler, mix = curate.CurriculumSampler(train), Mixing(train)
    loader = DataLoader(train, 64, sampler=sampler, num_workers=2, persistent_workers=True)
    model = timm.create_model(model_name, num_classes=len(train.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    ScaledRates(optimizer, train.lr_scale)
    for epoch in range(train.curriculum.schedule.epochs):
        sampler.set_epoch(epoch)  # and with it the images, their augmentation and the rate
        model.train()
        for images, targets in loader:
            images, targets = mix(images, targets)
            loss = torch.nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {len(sampler)} images, loss {loss.item():.3f}")
    model.eval()
    with torch.inference_mode():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(val, 64))
    low, high = wilson(right, len(val))
    print(f"val accuracy {right / len(val):.3f} [{low:.3f}, {high:.3f}]")
