-- question: Who was exposed?
-- param feature String: the feature
-- param kpi String: the KPI, such as harmful_output_rate
-- param from DateTime('UTC'): the onset
-- param to DateTime('UTC'): end of the trouble, or now
-- read: One row for each tenant and user segment with at least one bad event, the most bad first. bad and evaluated
-- read: count events that arrived; stands_for weighs sampled events. tenant is a pseudonym, and so it stays.
-- read: exemplars are the trace ids of the first bad events, to look up where the content is kept. Events are kept
-- read: for 30 days; older incidents have counts in kpi_slices only.
SELECT
    tenant, user_segment,
    countIf(has(bad_kpis, {kpi:String})) AS bad,
    count() AS evaluated,
    sumIf(sample_weight, has(bad_kpis, {kpi:String})) AS stands_for,
    minIf(ts, has(bad_kpis, {kpi:String})) AS first_bad,
    maxIf(ts, has(bad_kpis, {kpi:String})) AS last_bad,
    arrayMap(x -> x.2, arraySlice(arraySort(
        groupArrayIf((ts, trace_id), has(bad_kpis, {kpi:String}) AND trace_id != '')), 1, 3)) AS exemplars
FROM kpi_events
WHERE feature = {feature:String} AND has(evaluated_kpis, {kpi:String})
    AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
GROUP BY tenant, user_segment
HAVING bad > 0
ORDER BY bad DESC, tenant, user_segment
LIMIT 1000
