-- question: Which events exactly?
-- param feature String: the feature
-- param kpi String: the KPI, such as pii_leak_rate
-- param from DateTime('UTC'): begin
-- param to DateTime('UTC'): end, or now
-- read: One row for each bad event, the first one first, 200 at most. trace_id, span_id and request_ref say where the
-- read: content is kept, which is not here; topic, partition and offset say where in Kafka the record stands. kind
-- read: 'evaluation' is a later verdict: its time is the verdict's, not that of the interaction. Events are kept for
-- read: 30 days.
SELECT
    ts, kind, trace_id, span_id, request_ref,
    tenant, user_segment, model, prompt_version, policy_version, release, arm, region,
    finish_reason, topic, partition, offset
FROM kpi_events
WHERE feature = {feature:String} AND has(bad_kpis, {kpi:String})
    AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
ORDER BY ts, topic, partition, offset
LIMIT 200
