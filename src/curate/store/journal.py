"""What people decided, one line an act, in the order in which it happened.

`decisions.jsonl` in the run directory is only ever appended to, and is on the disk before anyone
is told that a decision was taken. `decisions.parquet` is what it comes to. Several processes may
write at once: each holds the lock while it looks and writes.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pandas as pd
import pyarrow.parquet as pq

from curate.errors import RunError
from curate.progress import log
from curate.store.run import Run
from curate.store.schema import ACTIONS, DECISIONS

FILE = "decisions.jsonl"
BEFORE = "before"
"""The source of decisions that a run without a journal already had."""


@dataclass(frozen=True)
class Change:
    """A wish: an action on an image set to a value, or taken back.

    Attributes:
        sample_id: the image.
        action: one of `curate.store.schema.ACTIONS`.
        value: the new value, empty for an action that has none; None takes the action back.
        finding: the kind of finding that led to it, or empty.
    """

    sample_id: str
    action: str
    value: str | None
    finding: str = ""


@dataclass(frozen=True)
class Event:
    """A line of the journal.

    Attributes:
        time: in UTC, ISO 8601, to the millisecond.
        batch: shared by all that one act of a person changed.
        sample_id, action, finding: as in `Change`.
        old: the value before, None if the action was not set.
        new: the value after, None if the action was taken back.
        source: where it was done: "app:plugin", "app:tag", "app:label", or "before".
        undoes: the batch that this one takes back, or empty.
    """

    time: str
    batch: str
    sample_id: str
    action: str
    old: str | None
    new: str | None
    finding: str
    source: str
    undoes: str = ""


State = dict[str, dict[str, Event]]
"""By sample id and action, the event that set it; what is not set is absent."""


class Journal:
    """The decisions of one run.

    Attributes:
        path: the file.
    """

    def __init__(self, run: Run) -> None:
        """Open the journal of a run; nothing is written before the first decision."""
        from filelock import FileLock

        self.run = run
        self.path = run.path / FILE
        self._lock = FileLock(run.path / f".{FILE}.lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing; may be nested."""
        with self._lock:
            yield

    def events(self) -> list[Event]:
        """All events, oldest first; a line that a dying process left half-written is passed over.

        Raises:
            RunError: a whole line is not what this class writes.
        """
        if not self.path.exists():
            return self._from_table()
        found = []
        for number, line in enumerate(_whole_lines(self.path.read_bytes()), start=1):
            try:
                found.append(Event(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise RunError(
                    f"Expected a decision in line {number} of {self.path}, found something else "
                    f"({error}). Correct or remove that line; the others are kept."
                ) from error
        return found

    def state(self) -> State:
        """What is decided now: the last word on each action of each image."""
        return fold(self.events())

    def write(self, changes: Iterable[Change], source: str, undoes: str = "") -> list[Event]:
        """Append what the changes change, to the disk, and renew decisions.parquet.

        Of several changes of one action on one image the last counts.

        Returns:
            The events written, all of one batch: a change to what already is makes none.
        """
        with self.locked():
            before = self.events()
            state = fold(before)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            batch = uuid.uuid4().hex[:12]
            fresh = []
            # One word on an action in one act, so that taking the act back is plain.
            last = {(change.sample_id, change.action): change for change in changes}
            for change in last.values():
                was = state.get(change.sample_id, {}).get(change.action)
                old = None if was is None else was.new
                if old == change.value:
                    continue
                event = Event(
                    now, batch, change.sample_id, change.action, old, change.value,
                    change.finding, source, undoes,
                )  # fmt: skip
                fresh.append(event)
                _put(state, event)
            if fresh:
                self._append(fresh if self.path.exists() else [*before, *fresh])
                self._compact(state)
        return fresh

    def compact(self) -> None:
        """Write decisions.parquet anew: whoever died after the journal's line left an old one."""
        with self.locked():
            self._compact(self.state())

    def last_act(self, source: str) -> list[Event]:
        """The last batch from a source that was not taken back and takes nothing back itself."""
        events = self.events()
        undone = {event.undoes for event in events}
        acts = [e for e in events if e.source == source and not e.undoes and e.batch not in undone]
        return [event for event in acts if event.batch == acts[-1].batch]

    def undo(self, batch: list[Event]) -> tuple[list[Event], int]:
        """Set what a batch changed back to what it was.

        Returns:
            The events written, and on how many images something was decided since and stays.
        """
        with self.locked():
            state = self.state()
            changes, kept = [], set()
            for event in batch:
                now = state.get(event.sample_id, {}).get(event.action)
                if (None if now is None else now.new) == event.new:
                    changes.append(Change(event.sample_id, event.action, event.old, event.finding))
                else:
                    kept.add(event.sample_id)
            source = batch[0].source
            return self.write(changes, source, undoes=batch[0].batch), len(kept)

    def _compact(self, state: State) -> None:
        self.run.write_table("decisions", as_table(state, self._order()))

    def _append(self, events: list[Event]) -> None:
        text = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in events)
        fresh = not self.path.exists()
        with self.path.open("a+b") as file:
            file.seek(0)
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
                log.warning("%s: the last line was never finished; it is left out", self.path)
            file.seek(0, os.SEEK_END)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if fresh and os.name != "nt":  # the new name must reach the disk as well
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _from_table(self) -> list[Event]:
        """The decisions of a run that had them before it had a journal."""
        table = self.run.table("decisions")
        return [
            Event(
                time="",
                batch=BEFORE,
                sample_id=row["sample_id"],
                action=row["action"],
                old=None,
                new=row["value"] or "",
                finding="",
                source=row["source"],
            )
            for row in table.to_dict("records")
        ]

    def _order(self) -> list[str]:
        path = self.run.table_path("samples")
        if not path.exists():
            return []
        return [str(one) for one in pq.read_table(path, columns=["sample_id"])[0].to_pylist()]


def fold(events: Iterable[Event]) -> State:
    """What a journal comes to."""
    state: State = {}
    for event in events:
        _put(state, event)
    return state


def as_table(state: State, order: Iterable[str]) -> pd.DataFrame:
    """The table decisions: images in the order given, others after them, actions as in ACTIONS."""
    place = {sample_id: at for at, sample_id in enumerate(order)}
    ids = sorted(state, key=lambda one: (place.get(one, len(place)), one))
    rows = [
        (event.sample_id, event.action, event.new, event.source, event.finding, event.time)
        for sample_id in ids
        for event in sorted(state[sample_id].values(), key=lambda e: ACTIONS.index(e.action))
    ]
    return pd.DataFrame(rows, columns=list(DECISIONS))


def _put(state: State, event: Event) -> None:
    own = state.setdefault(event.sample_id, {})
    if event.new is None:
        own.pop(event.action, None)
        if not own:
            del state[event.sample_id]
    else:
        own[event.action] = event


def _whole_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]
