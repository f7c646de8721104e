"""The scorer does not see probes: not as events, and not as a feature."""

from clickhouse_connect.driver.client import Client

from monitor.store.windows import read_lively, read_mask_counts
from schemas.outcomes import Bit
from schemas.probes import PROBE, PROBE_FEATURE
from tests.store.seeds import START, cell, insert

BEGIN = int(START.timestamp())


def test_a_feature_that_is_only_probed_is_no_feature_to_score_and_a_probed_one_has_its_traffic(store: Client) -> None:
    traffic = [cell(second, Bit.INTERACTION, n=3, feature="chat") for second in (0, 10)]
    probes = [cell(second, PROBE, n=9, feature=feature) for second in (0, 20) for feature in ("chat", PROBE_FEATURE)]
    verdict = cell(0, Bit.SYNTHETIC | Bit.POLICY_EVALUATED, n=4, feature="chat")
    insert(store, "windows", [*traffic, *probes, verdict])
    (lively,) = read_lively(store, BEGIN, BEGIN + 60)
    assert (lively.feature, lively.events, lively.last) == ("chat", 6, BEGIN + 10)
    counted = read_mask_counts(store, BEGIN, BEGIN + 60)
    assert (set(counted.feature), counted.n.tolist()) == ({"chat"}, [3, 3])
    assert len(read_mask_counts(store, BEGIN, BEGIN + 60, [PROBE_FEATURE]).n) == 0
