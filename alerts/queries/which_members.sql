-- question: Which features of a pool does it come from?
-- param feature String: the pool, such as pool:model=NAME
-- param kpi String: the KPI, such as refusal_rate
-- param from DateTime('UTC'): the onset
-- param to DateTime('UTC'): end of the trouble, or now
-- param baseline_minutes UInt32: how much time before the onset is normal, such as 60
-- read: excess is the bad events beyond what the feature's own rate before the onset foretells. Where it is spread over
-- read: many features the cause is what they share: the model, or who serves it. Where one has all of it the cause is
-- read: that feature's, and the pool only shows it too. rate_before is NULL for a feature that was not there before.
SELECT
    feature,
    sumIf(k.bad, window_start >= {from:DateTime('UTC')}) AS bad,
    sumIf(k.evaluated, window_start >= {from:DateTime('UTC')}) AS evaluated,
    if(evaluated = 0, NULL, bad / evaluated) AS rate,
    sumIf(k.bad, window_start < {from:DateTime('UTC')}) AS bad_before,
    sumIf(k.evaluated, window_start < {from:DateTime('UTC')}) AS evaluated_before,
    if(evaluated_before = 0, NULL, bad_before / evaluated_before) AS rate_before,
    round(bad - evaluated * rate_before, 1) AS excess
FROM kpi_slices AS k
WHERE kpi = {kpi:String}
    AND window_start >= {from:DateTime('UTC')} - toIntervalMinute({baseline_minutes:UInt32})
    AND window_start < {to:DateTime('UTC')}
    AND {feature:String} IN (
        concat('pool:model=', model), concat('pool:prompt_version=', prompt_version),
        concat('pool:policy_version=', policy_version), concat('pool:region=', region))
GROUP BY feature
ORDER BY excess DESC NULLS LAST, feature
