"""The telemetry of one feature, a second or so at a time: interactions, verdicts on them, heartbeats."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from monitor.simulator.cases import GUARDRAILS, OUTCOME, Table, table
from monitor.simulator.faults import CONTENT, HUGE, MALFORMED, Fault
from monitor.simulator.plan import Plan, Record, Tally
from monitor.simulator.profiles import Judge, Mix, Profile
from monitor.simulator.traffic import Ints
from monitor.simulator.verdicts import verdict_text
from monitor.windows import WINDOW_SECONDS, window_start
from schemas.outcomes import Bit
from schemas.topics import TELEMETRY_TOPIC

_SECOND = 1_000_000
_TOPIC = TELEMETRY_TOPIC.name
_SPREAD = 0.8  # sigma of the logarithm of tokens; Azure's means over medians, 1.1 to 1.6, allow 0.5 to 1.0
_JUDGE_DELAY = (5.0, 40.0)
_LATE = (2.0, 60.0)


class Feature:
    """One feature's stream. Deterministic: a generator of its own, seeded by plan and position."""

    def __init__(self, plan: Plan, position: int) -> None:
        self.plan, self.profile = plan, plan.profiles[position]
        self.rng = np.random.default_rng([plan.seed, plan.start_us, position])
        self._emitters = [self.profile.emitter(number) for number in range(self.profile.emitters)]
        self._happened = np.zeros(self.profile.emitters, dtype=np.int64)
        self._window, self._burst = -1, 0.0
        self._faults: tuple[Fault, ...] = (*MALFORMED, HUGE) if plan.huge else MALFORMED
        self._position = position
        self._edges: list[int] = []
        if plan.scenario is not None and plan.scenario.feature == self.profile.name:
            onset = plan.start_us + round(plan.scenario.start * _SECOND)
            self._edges = [onset, onset + round(plan.scenario.duration * _SECOND)]

    def step(self, begin_us: int, end_us: int, tally: Tally) -> Iterator[Record]:
        """What happens in [begin, end), Unix microseconds within one window: in no particular order."""
        # Only the feature that has the incident is cut at its edges: the others draw as they would without it.
        for edge in sorted(edge for edge in self._edges if begin_us < edge < end_us):
            yield from self._piece(begin_us, edge, tally)
            begin_us = edge
        yield from self._piece(begin_us, end_us, tally)

    def _piece(self, begin_us: int, end_us: int, tally: Tally) -> Iterator[Record]:
        profile = self._profile_at(begin_us)
        count = int(self.rng.poisson(self._expected(begin_us, end_us)))
        if not count:
            return
        times = np.sort(self.rng.integers(begin_us, end_us, count))
        emitters = self.rng.integers(0, profile.emitters, count)
        self._happened += np.bincount(emitters, minlength=profile.emitters)
        cuts, texts, masks, ids = self._write(profile, times, emitters)
        kept = self.rng.random(count) < profile.delivery
        tally.dropped += int(count - kept.sum())
        late = self.rng.random(count) < self.plan.shares.late
        delays = 0.02 + np.minimum(self.rng.exponential(0.2, count), 3.0)
        delays[late] = self.rng.uniform(*_LATE, int(late.sum()))
        sent = (times - self.plan.start_us) / _SECOND + delays
        keys = [self._emitters[number] for number in emitters.tolist()]
        notes = ["late" if flag else "interaction" for flag in late.tolist()]
        for at, key, text, note, send in zip(sent.tolist(), keys, texts, notes, kept.tolist(), strict=True):
            if send:
                yield Record(at, _TOPIC, key, text.encode(), note)
        good = np.flatnonzero(kept)
        yield from self._faulty(good, sent, keys, texts)
        for number, judge in enumerate(profile.judges):
            fit = good[masks[good] & Bit.REFUSED > 0] if judge.signal == "refusal_quality" else good
            yield from self._judged(judge, number, fit[self.rng.random(len(fit)) < judge.share], times, cuts, ids)

    def heartbeats(self, boundary_us: int) -> Iterator[Record]:
        """Each emitter's count of all that happened before this boundary."""
        for key, happened in zip(self._emitters, self._happened.tolist(), strict=True):
            number = boundary_us // _SECOND
            text = (
                f'{{"kind":"heartbeat","event_id":"hb:{self.plan.start_us:x}:{key}:{number:x}",'
                f'"ts":"{stamp(boundary_us)}","emitter":"{key}","started_at":"{stamp(self.plan.start_us)}",'
                f'"feature":"{self.profile.name}","interactions":{happened}}}'
            )
            at = (boundary_us - self.plan.start_us) / _SECOND + 0.25
            yield Record(at, _TOPIC, key, text.encode(), "heartbeat")

    def _profile_at(self, moment_us: int) -> Profile:
        scenario = self.plan.scenario
        if scenario is None:
            return self.profile
        return scenario.apply(self.profile, (moment_us - self.plan.start_us) / _SECOND)

    def _expected(self, begin_us: int, end_us: int) -> float:
        start = window_start(begin_us / _SECOND)
        if start != self._window:
            traffic = self.plan.traffic
            mean = traffic.mean(np.array([float(start)]), self.profile.share)
            self._window = start
            self._burst = float(traffic.bursts(mean, self.profile.dispersion, self.rng)[0])
        return self._burst * (end_us - begin_us) / (WINDOW_SECONDS * _SECOND)

    def _write(self, profile: Profile, times: Ints, emitters: Ints) -> tuple[list[str], list[str], Ints, list[str]]:
        """Slice, JSON text, mask and trace id of each interaction."""
        rng, count, odds = self.rng, len(times), table(profile)
        strata, values = odds.shares.cumsum(), _cuts(profile)
        stratum = np.minimum(np.searchsorted(strata, rng.random(count), side="right"), len(strata) - 1)
        chosen = [names[np.searchsorted(ends, rng.random(count), side="right")] for names, ends in values]
        masks = np.zeros(count, dtype=np.int64)
        picked: list[Ints] = []
        for group in odds.groups:
            picked.append(group.pick(stratum, rng))
            masks |= group.masks[picked[-1]]
        ids = _hex(rng.bytes(16 * count), 32)
        cuts = [
            f"{a}{b}{c}"
            for a, b, c in zip(_stratum_texts(profile)[stratum].tolist(), *(c.tolist() for c in chosen), strict=True)
        ]
        tails = self._tails(profile, odds, picked, masks, stratum)
        heads = [f'{{"kind":"interaction","event_id":"{i[:24]}","ts":"' for i in ids]
        keys = [f'","emitter":"{emitter}"' for emitter in self._emitters]
        texts = [
            f'{head}{stamp(time)}{keys[emitter]}{cut},"trace_id":"{trace}","span_id":"{trace[:16]}"{tail}'
            for head, time, emitter, cut, trace, tail in zip(
                heads, times.tolist(), emitters.tolist(), cuts, ids, tails, strict=True
            )
        ]
        return cuts, texts, masks, ids

    def _tails(self, profile: Profile, odds: Table, picked: Sequence[Ints], masks: Ints, stratum: Ints) -> list[str]:
        """Everything of each interaction that follows its slice and ids."""
        rng, count = self.rng, len(masks)
        release = np.array([f',"release":"{profile.release}"', f',"release":"{profile.canary.release}"', ""], object)
        canary = np.array([s.canary for s in odds.strata], dtype=np.int64)[stratum]
        columns = [release[np.where(masks & Bit.FIELDS_MISSING > 0, 2, canary)]]
        guards = rng.lognormal(np.log(15.0), 0.5, (count, 2))
        for place, (group, cases) in enumerate(zip(odds.groups, picked, strict=True)):
            texts = np.array(group.texts, object)[cases]
            if place == GUARDRAILS:
                texts = np.array([t % (a, b) for t, (a, b) in zip(texts, guards.tolist(), strict=True)], object)
            columns.append(texts)
        finishes = _finish(odds, picked, masks)
        tokens = [np.ceil(median * rng.lognormal(0.0, _SPREAD, count)).astype(np.int64) for median in profile.tokens]
        latency = profile.latency_ms * rng.lognormal(0.0, 0.5, count)
        joined = ["".join(parts) for parts in zip(*(column.tolist() for column in columns), strict=True)]
        return [
            f'{text},"finish_reason":"{finish}","tokens_input":{given},"tokens_output":{made},"latency_ms":{took:.1f}}}'
            for text, finish, given, made, took in zip(
                joined, finishes, tokens[0].tolist(), tokens[1].tolist(), latency.tolist(), strict=True
            )
        ]

    def _faulty(
        self, good: Ints, sent: npt.NDArray[np.float64], keys: Sequence[str], texts: Sequence[str]
    ) -> Iterator[Record]:
        """Repeats of good interactions, and records that must be refused."""
        rng, shares = self.rng, self.plan.shares
        for place in good[rng.random(len(good)) < shares.duplicate].tolist():
            at = float(sent[place]) + rng.uniform(0.1, 20.0)
            yield Record(at, _TOPIC, keys[place], texts[place].encode(), "duplicate")
        kinds = (("malformed", shares.malformed, self._faults), ("content", shares.content, CONTENT))
        for kind, share, faults in kinds:
            for place in good[rng.random(len(good)) < share].tolist():
                reason, spoil = faults[int(rng.integers(len(faults)))]
                yield Record(float(sent[place]), _TOPIC, keys[place], spoil(texts[place]), f"{kind}:{reason}")

    def _judged(
        self, judge: Judge, number: int, places: Ints, times: Ints, cuts: Sequence[str], ids: Sequence[str]
    ) -> Iterator[Record]:
        rng, plan, key = self.rng, self.plan, f"judge-{self._position % 2}"
        delays, fates = rng.uniform(*_JUDGE_DELAY, len(places)), rng.random((len(places), 2))
        ends_us = None if plan.seconds is None else plan.start_us + round(plan.seconds * _SECOND)
        for place, delay, (works, bad) in zip(places.tolist(), delays.tolist(), fates.tolist(), strict=True):
            time, trace = int(times[place]) + int(delay * _SECOND), ids[place]
            if ends_us is not None and time >= ends_us:
                continue
            verdict = verdict_text(judge, None if works < judge.error_rate else bad < judge.bad_rate)
            text = (
                f'{{"kind":"evaluation","event_id":"ev{number}:{trace[:24]}","ts":"{stamp(time)}","emitter":"{key}"'
                f'{cuts[place]},"trace_id":"{trace}","span_id":"{trace[:16]}"{verdict}'
            )
            at = (time - plan.start_us) / _SECOND + 0.02 + min(rng.exponential(0.2), 3.0)
            yield Record(at, _TOPIC, key, text.encode(), "evaluation")


def stamp(unix_us: int) -> str:
    """RFC 3339 in UTC with microseconds, from Unix microseconds."""
    return f"{_to_second(unix_us // _SECOND)}.{unix_us % _SECOND:06d}Z"


@lru_cache(maxsize=1024)
def _to_second(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _hex(raw: bytes, digits: int) -> list[str]:
    text = raw.hex()
    return [text[at : at + digits] for at in range(0, len(text), digits)]


def _finish(odds: Table, picked: Sequence[Ints], masks: Ints) -> list[str]:
    """How each ended. A reason of its own goes before what the other groups suggest; no order changes a mask."""
    found = np.where(masks & Bit.TOOL_CALLED > 0, "tool_call", "stop").astype(object)
    found[masks & Bit.BLOCKED > 0] = "content_filter"
    found[masks & Bit.REFUSED > 0] = "refusal"
    own = np.array(odds.groups[OUTCOME].finishes, object)[picked[OUTCOME]]
    finishes: list[str] = np.where(own != "", own, found).tolist()
    return finishes


Choices = tuple[npt.NDArray[np.object_], npt.NDArray[np.float64]]
"""Texts, and where each one's share ends."""


@lru_cache(maxsize=64)
def _cuts(profile: Profile) -> tuple[Choices, Choices]:
    """The dimensions that nothing depends on: tenants, and the others as one product."""
    names = ("prompt_version", "locale", "region", "user_segment")
    mixes = (profile.prompt_versions, profile.locales, profile.regions, profile.user_segments)
    others: list[tuple[str, float]] = []
    for combination in product(*mixes):
        text = "".join(f',"{name}":"{value}"' for name, (value, _) in zip(names, combination, strict=True))
        others.append((text, float(np.prod([share for _, share in combination]))))
    tenants = [(f',"tenant":"{value}"', share) for value, share in profile.tenants] or [("", 1.0)]
    return _choices(tuple(tenants)), _choices(tuple(others))


def _choices(mix: Mix) -> Choices:
    ends = np.cumsum([share for _, share in mix])
    ends[-1] = np.inf  # a sum of shares may end just below 1
    return np.array([text for text, _ in mix], dtype=object), ends


@lru_cache(maxsize=64)
def _stratum_texts(profile: Profile) -> npt.NDArray[np.object_]:
    shared = (
        f',"feature":"{profile.name}","surface":"{profile.surface}","policy_version":"{profile.policy_version}",'
        f'"risk_tier":"{profile.risk_tier}"'
    )
    return np.array(
        [
            f'{shared},"provider":"{s.model.provider}","model":"{s.model.name}","prompt_category":"{s.category.name}",'
            f'"arm":"{"canary" if s.canary else "baseline"}"'
            for s in table(profile).strata
        ],
        dtype=object,
    )
