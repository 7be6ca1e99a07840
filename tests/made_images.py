"""Tiny image files, made on the spot."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def put(path: Path, size: tuple[int, int] = (6, 4), shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 0, 0)).save(path, "PNG")
    return path


def text(path: Path, content: str = "no picture") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path
