"""Reading what people said of incidents."""

from collections.abc import Collection

from clickhouse_connect.driver.client import Client


def read_resolved(client: Client, incident_ids: Collection[str]) -> frozenset[str]:
    """Those of these incidents that people have resolved, and nobody has taken back since. Blocking."""
    if not incident_ids:
        return frozenset()
    found = client.query(
        "SELECT incident_id FROM incident_answers WHERE is_step AND incident_id IN {ids:Array(String)} "
        "GROUP BY incident_id HAVING argMax(said, (said_at, partition, offset)) = 'resolved'",
        {"ids": sorted(incident_ids)},
    )
    return frozenset(str(row[0]) for row in found.result_rows)
