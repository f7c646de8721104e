-- question: Did the guardrails run?
-- param feature String: the feature
-- param from DateTime('UTC'): begin
-- param to DateTime('UTC'): end, exclusive
-- read: One row a minute. interactions arrived; listed name a guardrail, whatever became of it; evaluated_by_any
-- read: have a verdict; bypassed went past a guardrail that failed open; erred met one that failed. verdict is
-- read: 'unguarded' where nothing was evaluated, 'failing open' where something was bypassed, 'partly' where less than
-- read: half was evaluated, 'ran' otherwise. A listed interaction without a verdict was skipped, bypassed, or erred.
SELECT
    toStartOfMinute(window_start) AS minute,
    sumIf(population, kpi = 'policy_violation_rate') AS interactions,
    sumIf(evaluated, kpi = 'guardrail_bypass_rate') AS listed,
    sumIf(evaluated, kpi = 'policy_violation_rate') AS evaluated_by_any,
    sumIf(bad, kpi = 'guardrail_bypass_rate') AS bypassed,
    sumIf(bad, kpi = 'guardrail_error_rate') AS erred,
    multiIf(evaluated_by_any = 0, 'unguarded', bypassed > 0, 'failing open',
            evaluated_by_any < interactions / 2, 'partly', 'ran') AS verdict
FROM kpi_windows
WHERE feature = {feature:String}
    AND window_start >= {from:DateTime('UTC')} AND window_start < {to:DateTime('UTC')}
GROUP BY minute
ORDER BY minute
