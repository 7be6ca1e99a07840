"""The facts of a dataset as a page of text, the most important first."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from curate.pipeline.plain_text import bar, cut, number, right, wrapped
from curate.pipeline.summary import columns

ALL_CLASSES = 20
"""More classes than this are shown by their head, their tail and a histogram of sizes."""

ENDS = 8
ODD_CLASSES = 15


def facts_text(facts: dict[str, Any]) -> str:
    """Say what `curate.pipeline.inspect.facts_of` found, in lines of at most 100 columns."""
    blocks = (
        _head(facts),
        _leaks(facts),
        _split_table(facts),
        _sentences(facts, facts["notes"], "! "),
        _class_chart(facts),
        _odd(facts["odd_classes"], "label", "classes that deserve a look"),
        _odd(facts["odd_splits"], "split", "splits unlike the others"),
        _percentiles(facts),
        _files(facts),
        _faults(facts),
        _metadata(facts["metadata"]),
    )
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _head(facts: dict[str, Any]) -> list[str]:
    counts, splits = facts["counts"], facts["splits"]
    parts = [f"{split} {about['images']:,}" for split, about in splits.items()]
    parts.append(f"{counts['problems']:,} problems")
    lines = wrapped(
        f"{counts['images']:,} images = {' + '.join(parts)}, {counts['classes']:,} classes, "
        f"in {facts['root']}"
    )
    first = next(iter(splits.values()), None)
    if first and first["imbalance_ratio"] is not None:
        lines += wrapped(_balance(first))
    return lines


def _balance(split: dict[str, Any]) -> str:
    big, small = split["largest"], split["smallest"]
    if big["images"] == small["images"]:
        return f"Every class has the same number of images, {big['images']:,}."
    return (
        f"The largest class, {cut(big['label'])} ({big['images']:,}), has "
        f"{number(split['imbalance_ratio'])} times the images of the smallest, "
        f"{cut(small['label'])} ({small['images']:,})."
    )


def _leaks(facts: dict[str, Any]) -> list[str]:
    """Groups that straddle splits, or seem to, come first: no score means much before that."""
    lines = []
    for found in (facts["groups"]["straddling"], facts["groups"]["suspicion"]):
        if found is not None:
            across = found.get("straddling", found)["n_straddling"]
            lines += _sentences(facts, [found["sentence"]], "!! " if across else "")
    return lines


def _sentences(facts: dict[str, Any], sentences: list[str], mark: str) -> list[str]:
    """Sentences of the catalog, with paths as they are below the data's root."""
    root = facts["root"].rstrip("/") + "/"
    return [
        line
        for sentence in filter(None, sentences)
        for line in wrapped(mark + sentence.replace(root, ""), " " * len(mark))
    ]


def _split_table(facts: dict[str, Any]) -> list[str]:
    rows = [
        [
            split, about["images"], about["unlabelled"], about["classes"],
            *(_class_size(about[end], about["classes"]) for end in ("largest", "smallest")),
            number(about["imbalance_ratio"]), number(about["effective_classes"]),
        ]
        for split, about in facts["splits"].items()
    ]  # fmt: skip
    heads = [
        "split",
        "images",
        "unlabelled",
        "classes",
        "largest",
        "smallest",
        "ratio",
        "eff. classes",
    ]
    return columns(heads, right(heads, rows, 6)).splitlines()


def _class_size(extreme: dict[str, Any] | None, classes: int) -> str:
    if extreme is None:
        return "-"
    if extreme["classes"] == classes:
        return f"each {extreme['images']:,}"
    more = f", {extreme['classes'] - 1} more" if extreme["classes"] > 1 else ""
    return cut(f"{extreme['images']:,} {cut(extreme['label'], 12)}{more}", 18)


def _class_chart(facts: dict[str, Any]) -> list[str]:
    counts: dict[str, dict[str, int]] = facts["classes"]["counts"]
    if not counts:
        return []
    splits = list(counts)
    size = {name: counts[splits[0]].get(name, 0) for name in facts["classes"]["names"]}
    order = sorted(size, key=lambda name: (-size[name], name))
    most = max(size.values())
    rows = [
        [cut(name), *(counts[split].get(name, 0) for split in splits), bar(size[name], most)]
        for name in order
    ]
    kept = rows if len(rows) <= ALL_CLASSES else [*rows[:ENDS], *rows[-ENDS:]]
    lines = columns(["class", *splits, f"{splits[0]} images"], kept).splitlines()
    if len(kept) < len(rows):
        lines.insert(2 + ENDS, f"... {len(rows) - len(kept):,} more ...")
        lines += ["", *_sizes_of_classes(list(size.values()), splits[0])]
    return lines


def _sizes_of_classes(sizes: list[int], split: str) -> list[str]:
    """How many classes have 1, 2-4, 5-9, 10-19, ... images."""
    edges = [0]
    for power in range(10):
        edges += [step * 10**power for step in (1, 2, 5)]
    bins = [
        (low, high - 1, sum(low <= size < high for size in sizes)) for low, high in pairwise(edges)
    ]
    filled = [i for i, (_, _, n) in enumerate(bins) if n]
    shown = bins[filled[0] : filled[-1] + 1]
    most = max(n for _, _, n in shown)
    rows = [
        [f"{low:,}" if low == high else f"{low:,} to {high:,}", n, bar(n, most)]
        for low, high, n in shown
    ]
    return columns([f"{split} images", "classes", ""], rows).splitlines()


def _odd(found: list[dict[str, Any]], key: str, title: str) -> list[str]:
    if not found:
        return []
    lines = [f"{title}, worst first:"]
    for about in found[:ODD_CLASSES]:
        lines.append(f"  {cut(about[key], 90)}")
        for reason in about["reasons"]:
            lines += wrapped(f"    - {reason['text']}", "      ")
    if len(found) > ODD_CLASSES:
        lines.append(f"  and {len(found) - ODD_CLASSES:,} more: --json has them all")
    return lines


def _percentiles(facts: dict[str, Any]) -> list[str]:
    sizes, pixels = facts["sizes"], facts["pixels"]
    small = bool(sizes["file_bytes"]) and sizes["file_bytes"]["p50"] < 1e6
    named = [(key.replace("_", " "), sizes[key], 1.0) for key in
             ("width", "height", "megapixels", "aspect_ratio")]  # fmt: skip
    named.append(("kB a file", sizes["file_bytes"], 1e3) if small else
                 ("MB a file", sizes["file_bytes"], 1e6))  # fmt: skip
    named += [(key, about, 1.0) for key, about in pixels["statistics"].items()]
    named = [row for row in named if row[1]]
    if not named:
        return []
    ends = list(sizes["width"])
    rows = [[label, *(number(values[key] / unit) for key in ends)] for label, values, unit in named]
    heads = ["", *(f"{key[1:]} %" if key.startswith("p") else key for key in ends)]
    lines = columns(heads, right(heads, rows, 1)).splitlines()
    lines += _measured(pixels)
    return lines


def _measured(pixels: dict[str, Any]) -> list[str]:
    """What the pixel statistics are of, and how sure their medians are."""
    if not pixels["sampled"]:
        return wrapped(f"Pixels of all {pixels['measured']:,} readable images were measured.")
    lines = wrapped(
        f"Pixels of a sample were measured: {pixels['measured']:,} of {pixels['of']:,} images, "
        "each class and split in proportion (--sample all measures every one)."
    )
    known = [
        f"{key} {number(about['p50'])} [{', '.join(map(number, about['median_interval']))}]"
        for key, about in pixels["statistics"].items()
        if about["median_interval"]
    ]
    return lines + (wrapped(f"medians (95 %): {', '.join(known)}") if known else [])


def _files(facts: dict[str, Any]) -> list[str]:
    files, sizes, pixels = facts["files"], facts["sizes"], facts["pixels"]
    common = [f"{s['width']} x {s['height']} ({s['images']:,})" for s in sizes["most_common"]]
    lines = wrapped(
        f"sizes: {sizes['distinct']:,} different; most common {', '.join(common)}", "  "
    )
    for what in ("formats", "modes"):
        lines += wrapped(f"{what}: {_counts(files[what])}", "  ")
    grey = f"grey: {files['grey_by_mode']:,} images are stored with one channel"
    if pixels["measured"]:
        grey += f"; by their pixels {_share(pixels['grey'])} of {pixels['measured']:,} measured"
    lines += wrapped(grey, "  ")
    turned, moving = files["turned_by_exif"], files["animated"]
    if turned["images"]:
        lines += wrapped(
            f"EXIF: {turned['images']:,} images look turned to a program that ignores it "
            f"(orientation {_orientations(turned)}): {_named(turned)}", "  ",
        )  # fmt: skip
    if moving["images"]:
        lines += wrapped(
            f"animated, first frame read: {moving['images']:,}: {_named(moving)}", "  "
        )
    return lines


def _faults(facts: dict[str, Any]) -> list[str]:
    """Files of the same bytes, groups, problems, and what was skipped."""
    same, groups, tried = facts["identical"], facts["groups"], facts["pixels"]["undecodable"]
    lines: list[str] = []
    if same["groups"]:
        lines += wrapped(
            f"same bytes: {same['images']:,} images in {same['groups']:,} groups, "
            f"{same['across_splits']['groups']:,} across splits, "
            f"{same['different_labels']['groups']:,} under different labels", "  ",
        )  # fmt: skip
        for example in same["examples"]:
            more = example["images"] - len(example["files"])
            end = f" and {more:,} more" if more > 0 else ""
            lines += wrapped(f"  {' = '.join(example['files'])}{end}", "    ")
    if groups["groups"]:
        size = groups["sizes"]
        lines += wrapped(
            f"groups: {groups['groups']:,} of {groups['images']:,} images, {number(size['min'])} "
            f"to {number(size['max'])} images each, median {number(size['p50'])}", "  ",
        )  # fmt: skip
    for kind, about in facts["problems"].items():
        lines += wrapped(f"problem {kind}: {about['images']:,}: {_named(about)}", "  ")
    if tried["images"] and tried["interval"]:
        lines += wrapped(
            f"{tried['images']:,} of {tried['tried']:,} images of the sample could not be decoded, "
            f"{_share(tried)}; so of all", "  ",
        )  # fmt: skip
    if facts["skipped"]:
        lines += wrapped(f"skipped files: {_counts(facts['skipped'])}", "  ")
    return lines


def _metadata(metadata: dict[str, Any]) -> list[str]:
    rows = [
        [cut(name), about["kind"], about["distinct"], f"{about['missing_share'] or 0:.1%}",
         cut(_values(about), 40)]
        for name, about in metadata.items()
    ]  # fmt: skip
    heads = ["column", "kind", "distinct", "missing", "values"]
    return columns(heads, rows).splitlines() if rows else []


def _values(about: dict[str, Any]) -> str:
    if about.get("percentiles"):
        low, middle, high = (number(about["percentiles"][key]) for key in ("min", "p50", "max"))
        return f"{low} to {high}, median {middle}"
    if about.get("first_and_last"):
        return " to ".join(about["first_and_last"])
    return ", ".join(f"{v['value']} ({v['images']:,})" for v in about.get("top", []))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _named(about: dict[str, Any]) -> str:
    more = about["images"] - len(about["examples"])
    return ", ".join(about["examples"]) + (f" and {more:,} more" if more else "")


def _share(about: dict[str, Any]) -> str:
    interval = about["interval"]
    end = f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    return f"{about['share']:.1%}{end}"


def _orientations(turned: dict[str, Any]) -> str:
    return ", ".join(f"{value}: {count:,}" for value, count in turned["orientations"].items())
