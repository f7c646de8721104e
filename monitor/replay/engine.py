"""The replay itself: open, learn the times, map, order, send, and sum up."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from monitor.errors import UserError
from monitor.progress import Progress, track
from monitor.replay import timing
from monitor.replay.events import Event, Maker, Mapper, Spill, events
from monitor.replay.heartbeats import Heartbeats
from monitor.replay.mapping import load
from monitor.replay.options import Options, Summary, World
from monitor.replay.own import OwnEvents
from monitor.replay.reading import PARQUET, Source, open_source
from monitor.replay.timeline import send, show, timeline
from monitor.replay.values import micros
from monitor.settings import Settings


def replay(options: Options, settings: Settings, world: World | None = None) -> Summary:
    """Replay a file into `settings.broker`, and say what was done. Raises UserError.

    Memory does not grow with the file but for 8 bytes a row, and an id's hash.
    """
    world = world or World()
    started, summary = world.timer(), Summary(dry_run=options.dry_run)
    mapper = _mapper(options)
    source = _source(options.file, mapper.delimiter)
    summary.rows = source.rows if options.limit is None else min(options.limit, source.rows)
    columns = mapper.bind(source.columns, options.times is not None)
    moments = _moments(options, source, mapper, summary)
    known = moments[moments != timing.NONE]
    if not len(known):
        raise UserError(f"no row of {source.path.name} has a time; look at ts in the mapping, or give --times")
    start = micros(world.clock())
    pace = timing.pace(int(known.min()), int(known.max()), options.speed, None if options.keep_times else start)
    age, skew = timedelta(days=settings.max_age_days), timedelta(seconds=settings.max_skew)
    maker = Maker(mapper, source.path.name, options.run, pace, start, skew, age)
    ordered = bool(np.all(np.diff(known) >= 0))
    found = _found(source, columns, moments, maker, options.strict, ordered)
    beats = _beats(options, mapper, pace, source, summary)
    line = timeline(found, beats, summary, pace, options)
    if options.dry_run:
        show(line, options.show, world)
    else:
        send(line, settings, pace, world, summary)
    if not ordered:
        summary.notes.append("the file is not in time order: its events were sorted before the first was sent")
    _close(summary, maker, beats, world.timer() - started)
    return summary


def _source(path: Path, delimiter: str | None) -> Source:
    if not path.is_file() or path.suffix in PARQUET:
        return open_source(path, delimiter)
    with Progress("reading (bytes)", path.stat().st_size) as progress:
        return open_source(path, delimiter, progress.add)


def _mapper(options: Options) -> Mapper:
    if options.map is None:
        if not {".ndjson", ".jsonl"} & set(options.file.suffixes):
            raise UserError(
                f"{options.file.name} needs a mapping: --map FILE.toml; docs/replay.md says how to write one"
            )
        return OwnEvents()
    try:
        key = options.key_file.read_bytes() if options.key_file is not None else None
    except OSError as error:
        raise UserError(f"cannot read the key file {options.key_file} ({error.strerror})") from error
    if key is not None and len(key) < 16:
        raise UserError(f"the key in {options.key_file} is shorter than 16 bytes; head -c 32 /dev/urandom makes one")
    return load(options.map, key)


def _moments(options: Options, source: Source, mapper: Mapper, summary: Summary) -> timing.Moments:
    if options.times is None:
        columns = None if source.format != "parquet" else [c for c in mapper.time_columns() if c in source.columns]
        with Progress("reading times", summary.rows) as progress:
            return timing.recorded(source, mapper.time, columns, summary.rows, progress.add)
    path, _, column = options.times.rpartition(":")
    if not path or not column:
        raise UserError(f"--times {options.times}: write FILE:COLUMN, such as arrivals.parquet:TIMESTAMP")
    borrowed = timing.arrivals(Path(path), column)
    if len(borrowed) < summary.rows:
        span = (int(borrowed[-1]) - int(borrowed[0])) / 1e6
        summary.notes.append(
            f"{summary.rows} rows and {len(borrowed)} times: the times were repeated, each round {span:g} s later"
        )
    return timing.repeated(borrowed, summary.rows)


def _found(
    source: Source, columns: list[str], moments: timing.Moments, maker: Maker, strict: bool, ordered: bool
) -> Iterator[Event]:
    """The events in time order."""
    if ordered:
        with Progress("replaying", len(moments)) as progress:
            yield from events(source, columns, moments, maker, strict, progress.add)
        return
    with tempfile.TemporaryFile() as file:
        spill = Spill(file)
        with Progress("sorting", len(moments)) as progress:
            spill.write(events(source, columns, moments, maker, strict, progress.add))
        yield from track("replaying", spill.read(), len(spill.moments))


def _beats(options: Options, mapper: Mapper, pace: timing.Pace, source: Source, summary: Summary) -> Heartbeats | None:
    if not options.heartbeats:
        return None
    if isinstance(mapper, OwnEvents) and mapper.heartbeats:
        summary.notes.append("the file brings its own heartbeats; none were added")
        return None
    return Heartbeats(pace.shift, f"{source.path.name} {options.run}")


def _close(summary: Summary, maker: Maker, beats: Heartbeats | None, seconds: float) -> None:
    summary.seconds = round(seconds, 3)
    summary.refused = dict(maker.refused.most_common())
    summary.first_refused = dict(maker.first_refused)
    summary.unlisted = {path: dict(counts.most_common()) for path, counts in maker.mapper.unlisted.items()}
    if maker.repeated_ids:
        summary.notes.append(f"{maker.repeated_ids} events repeat an event_id: the worker counts each id once")
    if too_old := maker.refused["too_old: ts"]:
        summary.notes.append(
            f"{too_old} events are older than {maker.max_age.days} days even after the shift: "
            f"give arrival times with --times, or raise VIGIL_MAX_AGE_DAYS here and for the worker"
        )
    if beats is not None and beats.skipped:
        summary.notes.append(f"{beats.skipped} window boundaries in gaps of over an hour got no heartbeat")
