-- question: Which slices explain it?
-- param feature String: the feature
-- param kpi String: the KPI, such as refusal_rate
-- param from DateTime('UTC'): the onset
-- param to DateTime('UTC'): end of the trouble, or now
-- param baseline_minutes UInt32: how much time before the onset is normal, such as 60
-- read: excess is the bad events beyond what the slice's own rate before the onset foretells; share is excess over
-- read: that of the whole feature. Slices that explain equally much are ordered by size, the smallest first, because
-- read: it is the sharper description: a pair above a single value says that both must hold. A slice that was not
-- read: there before is held against the feature's rate. A value that is all of the traffic explains nothing and is
-- read: left out, unless it is new.
WITH
    {from:DateTime('UTC')} AS onset,
    cells AS (
        SELECT
            window_start >= onset AS after,
            [('model', toString(model)), ('prompt_version', toString(prompt_version)),
             ('policy_version', toString(policy_version)), ('release', toString(release)), ('arm', toString(arm)),
             ('tenant', toString(tenant)), ('user_segment', toString(user_segment)), ('locale', toString(locale)),
             ('region', toString(region)), ('risk_tier', toString(risk_tier)),
             ('prompt_category', toString(prompt_category))] AS values,
            sum(bad) AS k, sum(evaluated) AS n
        FROM kpi_slices
        WHERE feature = {feature:String} AND kpi = {kpi:String}
            AND window_start >= onset - toIntervalMinute({baseline_minutes:UInt32})
            AND window_start < {to:DateTime('UTC')}
        GROUP BY after, values
    ),
    total AS (
        SELECT
            sumIf(k, after) AS bad, sumIf(n, after) AS evaluated, sumIf(n, NOT after) AS evaluated_before,
            if(evaluated_before = 0, 0, sumIf(k, NOT after) / evaluated_before) AS rate_before,
            bad - evaluated * rate_before AS excess
        FROM cells
    ),
    slices AS (
        SELECT
            slice,
            sumIf(k, after) AS bad, sumIf(n, after) AS evaluated,
            sumIf(k, NOT after) AS bad_before, sumIf(n, NOT after) AS evaluated_before
        FROM cells
        ARRAY JOIN arrayConcat(
            arrayMap(a -> [a], values),
            arrayMap(p -> [p.1, p.2], arrayFlatten(arrayMap(
                (a, i) -> arrayMap(b -> (a, b), arraySlice(values, i + 1)), values, arrayEnumerate(values))))
        ) AS slice
        WHERE NOT has(arrayMap(v -> v.2, slice), '')
        GROUP BY slice
        HAVING evaluated > 0
    )
SELECT
    arrayStringConcat(arrayMap(v -> concat(v.1, '=', v.2), slice), ' and ') AS slice_name,
    round((s.bad - s.evaluated * expected_rate) / if(t.excess = 0, NULL, t.excess), 2) AS share,
    round(s.bad - s.evaluated * expected_rate, 1) AS excess,
    s.bad / s.evaluated AS rate,
    if(s.evaluated_before = 0, t.rate_before, s.bad_before / s.evaluated_before) AS expected_rate,
    s.bad AS bad, s.evaluated AS evaluated, s.evaluated_before AS evaluated_before
FROM slices AS s
CROSS JOIN total AS t
WHERE (s.evaluated < t.evaluated OR s.evaluated_before < t.evaluated_before) AND s.bad > s.evaluated * expected_rate
ORDER BY share DESC, s.evaluated, length(slice), slice_name
LIMIT 20
