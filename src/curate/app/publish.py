"""Publishing a run: the FiftyOne dataset that shows it.

The dataset is a window onto the run and can be made again from it at any time, with one exception:
what people did in it. So publishing adds, changes and removes only what is the tool's own, and can
be killed and repeated at any moment. `dataset.info["curate"]` records how far it came.
"""

from __future__ import annotations

from typing import Any

from curate.app.content import VERSION, Content, content_digest, read_content
from curate.app.database import connect, quiet
from curate.app.decisions import reconcile
from curate.app.gone import settle_gone
from curate.app.indexes import create_indexes
from curate.app.names import (
    BRAIN_KEY,
    EVAL_KEY,
    ID_FIELD,
    LABEL_FIELD,
    LABELS,
    MARK,
    PREDICTIONS,
    dataset_name,
    default_dataset_name,
)
from curate.app.samples import (
    add_new,
    changed_values,
    declare_fields,
    update_known,
    write,
    write_predictions,
)
from curate.app.similarity import put_embeddings
from curate.app.views import save_views
from curate.app.workspace import arrange, save_workspace
from curate.errors import DatabaseError, RunError
from curate.progress import Progress, log, silent
from curate.store.journal import Journal
from curate.store.run import Run


def publish(run: Run, progress: Progress = silent, embeddings: bool = False) -> str:
    """Make or update the dataset of a run; returns its name.

    The same run always goes to the same dataset. Nothing is written when the dataset already
    shows exactly this run. Decisions of the journal that the dataset lacks are put back into it.

    Args:
        run: a finished run.
        progress: for the bars.
        embeddings: put them into the database too; those that are there stay.

    Raises:
        DatabaseError: no database answers, or another program's dataset has the name.
        StaleArtefact: an array does not belong to the rows of samples.parquet.
    """
    fo = connect()
    name = _own_name(fo, run)
    with quiet():
        dataset = _open(fo, name)
        digest = content_digest(run)
        notes = dict(dataset.info.get(MARK, {}))
        if notes.get("published") == digest:
            if notes.get("run") != str(run.path):  # it was moved
                _note(dataset, {**notes, "run": str(run.path)})
            _agree(run, dataset)
            if embeddings and not notes.get("embeddings"):
                _note(dataset, {**notes, "embeddings": put_embeddings(dataset, run, progress)})
            log.info("publish: dataset %s is up to date", name)
            return name
        # `published` is empty from here until all is written, so that a kill leaves the work open.
        resumed = bool(notes.get("tagging"))
        notes.update(run=str(run.path), published="")
        _note(dataset, notes)
        _write(fo, dataset, run, notes, resumed, progress)
        _agree(run, dataset)
        if embeddings or notes.get("embeddings"):
            notes["embeddings"] = put_embeddings(dataset, run, progress, notes.get("embeddings"))
        notes["published"] = digest
        _note(dataset, notes)
    return name


def _agree(run: Run, dataset: Any) -> None:
    """Show the decisions of the journal, and tell it those of the App."""
    journal = Journal(run)
    with journal.locked():
        for problem in reconcile(run, dataset, journal):
            log.warning("decisions: %s", problem)  # to be mended in the App, which is to open
        journal.compact()


def is_published(run: Run) -> bool:
    """Whether the dataset exists and shows exactly what the run holds now."""
    fo = connect()
    name = dataset_name(run)
    if not fo.dataset_exists(name):
        return False
    notes = fo.load_dataset(name).info.get(MARK, {})
    return bool(notes.get("published") == content_digest(run))


def _own_name(fo: Any, run: Run) -> str:
    """The name of the run's dataset, recorded so that the run can be moved; a copy gets its own."""
    name = dataset_name(run)
    if fo.dataset_exists(name):
        other = fo.load_dataset(name).info.get(MARK, {}).get("run", str(run.path))
        if other != str(run.path) and _claims(other, name):
            name = default_dataset_name(run.path)
            log.info("publish: %s is a copy of %s and gets a dataset of its own", run.path, other)
    if run.info.get("dataset") != name:
        run.save(dataset=name)
    return name


def _claims(path: str, name: str) -> bool:
    try:
        return dataset_name(Run(path)) == name
    except RunError:
        return False


def _open(fo: Any, name: str) -> Any:
    if not fo.dataset_exists(name):
        dataset = fo.Dataset(name, persistent=True)
        _note(dataset, {})
        return dataset
    dataset = fo.load_dataset(name)
    if MARK not in dataset.info and len(dataset):
        raise DatabaseError(
            f"Expected dataset {name!r} to be curate's own, found one of another program. "
            "Rename or delete it in FiftyOne, or analyse into another --run directory."
        )
    return dataset


def _note(dataset: Any, notes: dict[str, Any]) -> None:
    dataset.info[MARK] = dict(notes)
    dataset.persistent = True
    dataset.save()


def _write(
    fo: Any, dataset: Any, run: Run, notes: dict[str, Any], resumed: bool, progress: Progress
) -> None:
    ours = set(notes.get("fields", []))
    content = read_content(run, taken=_taken(fo, dataset, ours))
    # What a publish that was killed has left behind is the tool's own, too.
    notes["fields"] = sorted(ours | set(content.columns))
    own_fields = {*notes["fields"], PREDICTIONS, EVAL_KEY, BRAIN_KEY}
    with progress("publish", total=len(content.columns) + 6, unit="step") as bar:
        _note(dataset, notes)
        declare_fields(fo, dataset, content.columns)
        notes["tagging"] = True
        _note(dataset, notes)
        settle_gone(dataset, content, own_fields)
        fresh = add_new(fo, dataset, content, Journal(run).state())
        bar.update()
        oid_of = update_known(fo, dataset, content, resumed=resumed)
        notes["tagging"] = False
        _note(dataset, notes)
        bar.update()
        write_predictions(fo, dataset, content, oid_of)
        bar.update()
        changed = changed_values(dataset, content, oid_of, fresh)
        for name in content.columns:
            write(dataset, name, changed.get(name, {}))
            bar.update()
        evaluate(dataset, content)
        bar.update()
        project(dataset, content, oid_of)
        bar.update()
        stale = set(notes["fields"]) - set(content.columns)
        dataset.delete_sample_fields(sorted(stale & set(dataset.get_field_schema())))
        notes["fields"] = sorted(content.columns)
        notes["user_columns"] = content.user_columns
        create_indexes(dataset, content)
        notes["views"] = save_views(dataset, content, notes.get("views", []))
        layout = [f"version {VERSION}", *notes["fields"]]
        if notes.get("arranged") != layout:
            arrange(fo, dataset, content)
            save_workspace(fo, dataset)
        notes["arranged"] = layout
        bar.update()
    log.info(
        "publish: dataset %s, %d images, %d of them new", dataset.name, len(oid_of), len(fresh)
    )


def _taken(fo: Any, dataset: Any, ours: set[str]) -> set[str]:
    """Names that the user's columns must not have: people's fields, and words of FiftyOne's own.

    FiftyOne accepts a field named like an attribute of its samples, such as ``media_type`` or
    ``pk``, and then fails on using it.
    """
    from fiftyone.core.odm import DatasetSampleDocument

    return (set(dataset.get_field_schema()) - ours) | {*dir(fo.Sample), *dir(DatasetSampleDocument)}


def evaluate(dataset: Any, content: Content) -> None:
    """Compare predictions with labels for the Model Evaluation panel.

    Only images that the run has a label of count: what a person calls an unlabelled image in the
    App is no ground truth before the next analysis.
    """
    if dataset.has_evaluation(EVAL_KEY):
        dataset.delete_evaluation(EVAL_KEY)
    both = dataset.exists(ID_FIELD).exists(LABEL_FIELD).exists(LABELS).exists(PREDICTIONS)
    compared = len(both)
    if not compared:
        return
    # The panel is plainer to read on the whole dataset; the view is only for incomplete ones.
    (dataset if compared == len(dataset) else both).evaluate_classifications(
        PREDICTIONS,
        gt_field=LABELS,
        eval_key=EVAL_KEY,
        classes=content.classes or None,
        progress=False,
    )


def project(dataset: Any, content: Content, oid_of: dict[str, str]) -> None:
    """Give the Embeddings panel the run's own UMAP, with an index that makes its lasso fast."""
    import fiftyone.brain as fob

    if dataset.has_brain_run(BRAIN_KEY):
        dataset.delete_brain_run(BRAIN_KEY)
    if content.projection is None:
        return
    points = {
        oid_of[sample_id]: xy for sample_id, xy in zip(content.ids, content.projection, strict=True)
    }
    view = dataset if len(points) == len(dataset) else dataset.select(list(points))
    fob.compute_visualization(
        view, points=points, method="manual", brain_key=BRAIN_KEY, create_index=True, progress=False
    )
