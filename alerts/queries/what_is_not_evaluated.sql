-- question: What is not evaluated any more?
-- param feature String: the feature
-- param kpi String: the KPI, such as pii_leak_rate
-- param from DateTime('UTC'): since when evaluations are missing
-- param to DateTime('UTC'): end of the trouble, or now
-- param baseline_minutes UInt32: how much time before that is normal, such as 60
-- read: coverage is the share of the interactions that were evaluated for the KPI; missing is how many more would have
-- read: been at the coverage before. The first row, all, is the feature; the others are values of its dimensions, those
-- read: first that miss more than their share of the traffic, by beyond. With no row but all, it is missing everywhere
-- read: alike: look for what all traffic shares, such as the guardrail itself. A value that was not there before is held
-- read: against the feature's coverage.
WITH
    {from:DateTime('UTC')} AS begin,
    cells AS (
        SELECT
            window_start >= begin AS after, evaluated AS seen, population AS all_of_them,
            [('all', ''), ('model', toString(model)), ('prompt_version', toString(prompt_version)),
             ('policy_version', toString(policy_version)), ('release', toString(release)), ('arm', toString(arm)),
             ('tenant', toString(tenant)), ('user_segment', toString(user_segment)), ('locale', toString(locale)),
             ('region', toString(region)), ('risk_tier', toString(risk_tier)),
             ('prompt_category', toString(prompt_category))] AS pairs
        FROM kpi_slices
        WHERE feature = {feature:String} AND kpi = {kpi:String}
            AND window_start >= begin - toIntervalMinute({baseline_minutes:UInt32})
            AND window_start < {to:DateTime('UTC')}
    ),
    slices AS (
        SELECT
            pair,
            sumIf(seen, after) AS evaluated, sumIf(all_of_them, after) AS interactions,
            sumIf(seen, NOT after) AS evaluated_before, sumIf(all_of_them, NOT after) AS interactions_before
        FROM cells
        ARRAY JOIN pairs AS pair
        WHERE pair.1 = 'all' OR pair.2 != ''
        GROUP BY pair
        HAVING interactions > 0
    )
SELECT
    if(pair.1 = 'all', 'all', concat(pair.1, '=', pair.2)) AS slice_name,
    round(evaluated / interactions, 4) AS coverage,
    round(was, 4) AS coverage_before,
    round(interactions * was - evaluated, 1) AS missing,
    round(missing - interactions * max(missing * is_all) OVER () / max(interactions) OVER (), 1) AS beyond,
    interactions, interactions_before
FROM (
    SELECT
        *, pair.1 = 'all' AS is_all,
        max(if(is_all AND interactions_before > 0, evaluated_before / interactions_before, 0)) OVER () AS all_was,
        if(interactions_before = 0, all_was, evaluated_before / interactions_before) AS was
    FROM slices
)
QUALIFY is_all OR (beyond >= 1 AND beyond >= 0.05 * max(missing * is_all) OVER ())
ORDER BY is_all DESC, beyond DESC, interactions, slice_name
LIMIT 20
