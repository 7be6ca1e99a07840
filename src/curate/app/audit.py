"""What a person said of the images drawn for an audit, read from their tags."""

from __future__ import annotations

from curate.app.database import connect
from curate.app.names import ID_FIELD, dataset_name
from curate.errors import ExportError, listed
from curate.store.run import Run


def audit_tags(kind: str) -> dict[str, bool]:
    """The two tags by which an image is judged, and what each says."""
    return {f"{kind}:yes": True, f"{kind}:no": False}


def judgements(run: Run, kind: str) -> dict[str, bool]:
    """sample_id -> whether it is what the finding says, of every image tagged so.

    Raises:
        ExportError: an image has both tags.
    """
    fo = connect()
    name = dataset_name(run)
    if not fo.dataset_exists(name):
        return {}
    dataset = fo.load_dataset(name)
    said: dict[str, bool] = {}
    both: list[str] = []
    for tag, verdict in audit_tags(kind).items():
        view = dataset.match_tags(tag)
        for sample_id, path in zip(*view.values([ID_FIELD, "filepath"]), strict=True):
            if sample_id in said:
                both.append(path)
            said[sample_id] = verdict
    if both:
        raise ExportError(
            f"Expected one of the tags {' and '.join(audit_tags(kind))} an image, found both on "
            f"{listed(both)}. Take one off in the App."
        )
    return said
