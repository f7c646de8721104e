"""A running scorer follows its policy's file: a good one is taken up, a bad one is refused and said, nothing stops."""

import logging
import math
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from detectors.rolling import learn_some
from monitor.columns import SCORED
from monitor.errors import StoreUnavailableError, UserError
from monitor.history import read_columns
from monitor.metrics import Metrics
from monitor.policy import load_policy
from monitor.scorekeeper import Scorekeeper
from monitor.settings import load
from monitor.store.baselines import read_knowledge
from monitor.terms import terms_of
from schemas.finding import Incident
from tests.test_scorekeeper import START, WATCHED, claim, fill, incidents

PREFIX = "vigil_policy_"


class Watched:
    """A scorekeeper with a policy of its own, and windows to score."""

    def __init__(self, store: Client, policy: Path) -> None:
        settings = load({"VIGIL_HISTORY_HOURS": "6", "VIGIL_POLICY": str(policy)})
        self.store, self.metrics, self.seed = store, Metrics(), 10
        self.until = 1000
        self.keeper = Scorekeeper(settings, store, self.metrics, lambda: WATCHED, lambda: store)
        self.keeper.own(range(4), {"ai.telemetry": 4})

    def score(self, rates: list[float]) -> None:
        """Some more windows at these rates."""
        fill(self.store, self.until, rates, self.seed)
        self.until, self.seed = self.until + len(rates), self.seed + 1
        claim(self.store, self.until)
        self.keeper.tick()

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def reloaded(self) -> float | None:
        return self.gauge(f"{PREFIX}last_reload_successful")

    @property
    def version(self) -> str:
        """Of the policy by which is scored."""
        [family] = [one for one in self.metrics.registry.collect() if one.name == f"{PREFIX}info"]
        [sample] = family.samples
        return str(sample.labels["version"])

    def scored_by(self) -> list[str]:
        """The policies of the stored scores, in the order in which they came into force."""
        answer = self.store.query(
            "SELECT policy_version FROM scores WHERE kpi = 'refusal_rate' AND detector = 'state-space-2' "
            "GROUP BY policy_version ORDER BY min(window_start)"
        )
        return [str(row[0]) for row in answer.result_rows]

    def learned(self) -> set[tuple[str, int]]:
        """KPI, and how many baselines of it are stored."""
        answer = self.store.query("SELECT kpi, uniq(policy_version, learned_at) FROM baselines GROUP BY kpi")
        return {(str(row[0]), int(row[1])) for row in answer.result_rows}

    def settle(self) -> None:
        """Ticks until the newest policy is in force: it learns beside the scoring."""
        coming = self.keeper._policy.terms.policy
        for _ in range(200):
            self.keeper.tick()
            if self.version == coming:
                return
            if self.keeper._next is not None:
                for future in self.keeper._library._learning.values():
                    future.exception(timeout=60.0)
        raise AssertionError(f"still {self.version} and not {coming}")


@pytest.fixture(name="policy")
def _policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("version: one\n")
    return path


@pytest.fixture(name="watched")
def _watched(store: Client, policy: Path) -> Watched:
    fill(store, 0, [0.04] * 1000, seed=1)
    claim(store, 1000)
    made = Watched(store, policy)
    made.keeper.tick()
    made.score([0.04] * 5)
    return made


def test_a_good_policy_is_taken_up_and_learns_only_what_it_changes(watched: Watched, policy: Path) -> None:
    first, before = watched.version, watched.learned()
    assert first.startswith("one+")
    assert watched.gauge(f"{PREFIX}last_reload_success_timestamp_seconds") == WATCHED.timestamp()
    policy.write_text("version: two\nkpis: {refusal_rate: {budget: 1/day}}\n")
    watched.score([0.04] * 5)
    assert watched.version == first  # nobody has looked yet
    watched.keeper.look_at_policy()
    watched.settle()
    watched.score([0.04] * 5)
    assert watched.version.startswith("two+")
    assert watched.scored_by() == [first, watched.version]
    assert watched.learned() - before == {("refusal_rate", 2)}


def test_what_is_learned_for_another_budget_is_what_would_be_learned_by_that_policy_alone(
    watched: Watched, policy: Path
) -> None:
    policy.write_text("version: two\nkpis: {refusal_rate: {budget: 1/day}}\n")
    watched.keeper.look_at_policy()
    watched.settle()
    [(feature, at)] = watched.store.query(
        "SELECT DISTINCT feature, toUnixTimestamp(learned_at) FROM baselines"
    ).result_rows
    by = terms_of(load_policy(policy))
    kept = read_knowledge(watched.store, by, {feature: at})[feature]
    [(_, columns)] = read_columns(watched.store, [feature], START, at, {feature: START}, by.floor)
    alone = learn_some(columns, at, dict(enumerate(by.budgets)))
    for place, kpi in enumerate(SCORED):
        assert kept[kpi].baseline.parameters.tobytes() == alone[place].baseline.parameters.tobytes()
    assert kept["refusal_rate"].baseline.threshold < math.log(by.budgets[1])


def test_the_old_policy_goes_on_scoring_until_as_much_is_known_by_the_new_one(
    watched: Watched, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = watched.version
    policy.write_text("version: two\nbudget: 1/day\n")
    watched.keeper.look_at_policy()
    with monkeypatch.context() as slow:
        slow.setattr("monitor.succession.Succession.ready", lambda *_: False)
        watched.score([0.2] * 12)
    assert watched.scored_by() == [first]
    assert incidents(watched.store) == [("refusal_rate", "open")]
    watched.settle()
    watched.score([0.04] * 30)
    assert watched.scored_by() == [first, watched.version]
    assert incidents(watched.store) == [("refusal_rate", "resolved")]


def test_a_new_policy_waits_until_all_that_the_old_one_found_is_stored(
    watched: Watched, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or an incident of the old one would be stored after it was taken up, and stay open for ever."""
    first = watched.version
    fill(watched.store, watched.until, [0.2] * 12, seed=2)
    claim(watched.store, watched.until + 12)
    with monkeypatch.context() as away:
        away.setattr("monitor.scorekeeper.insert_incidents", refuse)
        with pytest.raises(StoreUnavailableError):
            watched.keeper.tick()
    policy.write_text("version: two\nkpis: {refusal_rate: {severity: critical}}\n")
    watched.keeper.look_at_policy()
    watched.keeper.tick()
    assert watched.version == first
    assert incidents(watched.store) == [("refusal_rate", "open")]
    watched.settle()
    watched.until += 12
    watched.score([0.04] * 30)
    assert watched.scored_by() == [first, watched.version]
    assert incidents(watched.store) == [("refusal_rate", "resolved")]


def refuse(_: Client, found: list[Incident]) -> None:
    """A store that goes away when there is something to write."""
    if found:
        raise DatabaseError("away")


def test_a_worker_without_partitions_follows_its_policy_too(watched: Watched, policy: Path) -> None:
    watched.keeper.own([], {"ai.telemetry": 4})
    policy.write_text("version: two\nbudget: 1/day\n")
    watched.keeper.look_at_policy()
    watched.keeper.tick()
    assert watched.version.startswith("two+")


def test_a_bad_policy_is_refused_in_one_line_that_names_the_mistake_and_the_old_one_stays(
    watched: Watched, policy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, read = watched.version, f"{PREFIX}last_reload_success_timestamp_seconds"
    at = watched.gauge(read)
    policy.write_text("version: two\nbugdet: 1/day\nowner: nobody\n")
    with caplog.at_level(logging.INFO, "vigil"):
        for _ in range(3):
            watched.keeper.look_at_policy()
            watched.score([0.04] * 2)
    told = [record.getMessage() for record in caplog.records if record.name == "vigil.policy"]
    assert len(told) == 1
    assert "policy.yaml, line 2: there is no key 'bugdet'" in told[0]
    assert "\n" not in told[0]
    assert (watched.reloaded, watched.gauge(read), watched.version) == (0, at, first)
    assert watched.scored_by() == [first]
    policy.write_text("version: one\n")
    watched.keeper.look_at_policy()
    assert watched.reloaded == 1


def test_a_policy_that_is_taken_away_is_a_failure_until_it_is_back(watched: Watched, policy: Path) -> None:
    first = watched.version
    policy.unlink()
    watched.keeper.look_at_policy()
    watched.score([0.04] * 2)
    assert (watched.reloaded, watched.version) == (0, first)
    policy.write_text("version: one\n")
    watched.keeper.look_at_policy()
    assert watched.reloaded == 1


def test_a_config_map_that_swaps_its_symbolic_link_is_seen(store: Client, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "policy.yaml").write_text(f"version: map-{number}\n")
    data, policy = tmp_path / "..data", tmp_path / "policy.yaml"
    data.symlink_to("..1")
    policy.symlink_to("..data/policy.yaml")
    watched = Watched(store, policy)
    assert watched.version.startswith("map-1+")
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(data)  # as the kubelet does
    watched.keeper.look_at_policy()
    claim(store, 10)
    watched.keeper.tick()
    assert watched.version.startswith("map-2+")


def test_what_only_concerns_routes_is_read_and_nothing_is_taken_up(watched: Watched, policy: Path) -> None:
    scorer = watched.keeper._scorer
    policy.write_text("version: one\nquiet_hours: [{begin: '22:00', end: '07:00'}]\n")
    watched.keeper.look_at_policy()
    watched.score([0.04] * 2)
    assert watched.reloaded == 1
    assert watched.keeper._scorer is scorer


@pytest.mark.parametrize(
    ("text", "what"),
    [("version: a\nbudget: often\n", "line 2"), ("version: a\nkpis: {refusals: {}}\n", "no such KPI"), ("", "line 1")],
)
def test_a_bad_policy_at_the_start_is_a_user_error(store: Client, tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=what):
        Watched(store, tmp_path / "p.yaml")


def test_a_policy_that_is_not_there_at_the_start_is_a_user_error(store: Client, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="VIGIL_POLICY: cannot read the policy"):
        Watched(store, tmp_path / "none.yaml")


def test_a_worker_without_partitions_has_no_score_that_could_be_stale(watched: Watched) -> None:
    name = "vigil_scored_until_timestamp_seconds"
    assert watched.gauge(name) == START + 10 * watched.until
    watched.keeper.own([], {"ai.telemetry": 4})
    shown = watched.gauge(name)
    assert shown != shown  # NaN is neither old nor new
    watched.keeper.own([1], {"ai.telemetry": 4})
    assert watched.gauge(name) == 0  # and nothing scored although there are partitions is as old as can be
