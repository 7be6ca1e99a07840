"""What an ONNX graph takes and gives, read from OpenVINO's form of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from curate.errors import ModelError

NAMED = ("embeddings", "logits")
"""Names by which outputs are recognised, whatever their order."""

_PASSED = frozenset({"Add", "Subtract", "Multiply", "Divide", "Softmax", "LogSoftmax", "Convert"})
"""Operators between the product of the last layer and the output: bias, scale, softmax."""


class GraphInput(NamedTuple):
    """The images that a graph takes.

    Attributes:
        layout: "NCHW" or "NHWC".
        channels: 1 or 3.
        size: height and width, or None where the graph leaves them open.
        batch: its fixed batch size, or None.
        is_bytes: it takes uint8, and so does its own normalisation.
    """

    layout: str
    channels: int
    size: int | None
    batch: int | None
    is_bytes: bool


def input_of(model: Any, path: Path) -> GraphInput:
    """Read the shape and type of a graph's one input.

    Raises:
        ModelError: it takes something else than square images.
    """
    import openvino

    shape = model.inputs[0].get_partial_shape() if len(model.inputs) == 1 else None
    if shape is None or shape.rank.is_dynamic or len(shape) != 4:
        raise ModelError(
            f"Expected {path} to take one batch of images (b, channels, height, width), found "
            f"{[str(one.get_partial_shape()) for one in model.inputs]}. Export the image model "
            "alone."
        )
    sides = [None if side.is_dynamic else int(side.get_length()) for side in shape]
    kind = model.inputs[0].get_element_type()
    floats = (openvino.Type.f32, openvino.Type.f16, openvino.Type.bf16)
    if kind not in (*floats, openvino.Type.u8):
        raise ModelError(
            f"Expected {path} to take floats, or bytes, found {kind.get_type_name()}. Export it "
            "with a float input."
        )
    is_last = sides[3] in (1, 3) and sides[1] not in (1, 3)
    channels = sides[3] if is_last else 3 if sides[1] is None else sides[1]
    height, width = sides[1:3] if is_last else sides[2:]
    if channels not in (1, 3) or (height is not None and width not in (None, height)):
        raise ModelError(
            f"Expected {path} to take square images of 3 channels or 1, found {shape}. Export it "
            "with such an input."
        )
    size = height if height is not None else width
    layout = "NHWC" if is_last else "NCHW"
    return GraphInput(layout, int(channels), size, sides[0], kind == openvino.Type.u8)


def normalise_inside(model: Any, taken: GraphInput, config: Mapping[str, Any]) -> None:
    """Change a graph to take (b, size, size, channels) bytes, as every engine does."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    channels, height, width = config["input_size"]
    sides = [channels, height, width] if taken.layout == "NCHW" else [height, width, channels]
    model.reshape({model.input(0): openvino.PartialShape([taken.batch or -1, *sides])})
    change = PrePostProcessor(model)
    images = change.input()
    images.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    images.model().set_layout(openvino.Layout(taken.layout))
    if not taken.is_bytes:
        steps = images.preprocess().convert_element_type(openvino.Type.f32)
        steps.mean([255.0 * value for value in config["mean"]])
        steps.scale([255.0 * value for value in config["std"]])
        steps.convert_element_type(model.inputs[0].get_element_type())
    change.build()


class GraphOutputs(NamedTuple):
    """Where a graph gives what.

    Attributes:
        embeddings: number of that output.
        logits: number of the output that is logits, or may be.
        before_last: number of the output added by `find_outputs`: what enters the last layer.
    """

    embeddings: int
    logits: int
    before_last: int | None


def find_outputs(model: Any, path: Path) -> GraphOutputs:
    """Find embeddings and logits; to a graph of one output, add what enters its last layer.

    Raises:
        ModelError: there are several outputs, and which are which cannot be told.
    """
    names = [set(output.get_names()) for output in model.outputs]
    if len(names) == 1:
        before = _before_last_layer(model.outputs[0])
        if before is None:
            return GraphOutputs(0, 0, None)
        model.add_outputs(before)
        return GraphOutputs(0, 0, 1)
    embeddings, logits = (
        next((i for i, own in enumerate(names) if one in own), None) for one in NAMED
    )
    if len(names) == 2:  # one that is named tells the other
        if embeddings is None:
            embeddings = 0 if logits is None else 1 - logits
        logits = 1 - embeddings
    if embeddings is not None and logits is not None:
        return GraphOutputs(embeddings, logits, None)
    raise ModelError(
        f"Expected one output of {path}, or two named embeddings and logits, found "
        f"{[sorted(own) for own in names]}. Export it with those names."
    )


def _before_last_layer(output: Any) -> Any | None:
    """The source of what enters the last product with constant weights; None without one."""
    node = output.get_node().input(0).get_source_output().get_node()
    while True:
        sources = [one.get_source_output() for one in node.inputs()]
        moving = [source for source in sources if not _is_constant(source.get_node())]
        if len(moving) != 1:
            return None
        if node.get_type_name() == "MatMul":
            is_flat = moving[0].get_partial_shape().rank.get_length() == 2
            return moving[0] if is_flat else None
        if node.get_type_name() not in _PASSED:
            return None
        node = moving[0].get_node()


def _is_constant(node: Any) -> bool:
    """Whether a value is known without any image."""
    if node.get_type_name() == "Constant":
        return True
    sources = [one.get_source_output().get_node() for one in node.inputs()]
    return bool(sources) and all(_is_constant(one) for one in sources)
