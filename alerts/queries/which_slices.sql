-- question: Which slices explain it?
-- param feature String: the feature
-- param kpi String: the KPI, such as refusal_rate
-- param from DateTime('UTC'): the onset
-- param to DateTime('UTC'): end of the trouble, or now
-- param baseline_minutes UInt32: how much time before the onset is normal, such as 60
-- read: excess is the bad events beyond what the slice's own rate before the onset foretells; share is excess over
-- read: that of the whole feature. The first slice is the one in which the excess is most concentrated, by evidence;
-- read: each further one is the same of what those above it leave over. adds is the share of the whole excess in events
-- read: that none of those above holds. A slice that adds less than 0.05, or an evidence below 16 (four standard
-- read: deviations), is not named: it holds the same events as one above, or chance would do it. No row at all means
-- read: that no slice stands out. A slice that was not there before is held against the feature's rate. A value that is
-- read: all of the traffic explains nothing and is left out, unless it is new and nothing else stands out.
WITH RECURSIVE
    {from:DateTime('UTC')} AS onset,
    (k, n, otherwise) -> if(n = 0, otherwise, k / n) AS rate_of,
    (k, n) -> greatest(k * (1 - k / n), 1) AS variance,
    cells AS (
        SELECT
            [('model', toString(model)), ('prompt_version', toString(prompt_version)),
             ('policy_version', toString(policy_version)), ('release', toString(release)), ('arm', toString(arm)),
             ('tenant', toString(tenant)), ('user_segment', toString(user_segment)), ('locale', toString(locale)),
             ('region', toString(region)), ('risk_tier', toString(risk_tier)),
             ('prompt_category', toString(prompt_category))] AS values,
            sumIf(bad, window_start >= onset) AS k, sumIf(evaluated, window_start >= onset) AS n,
            sumIf(bad, window_start < onset) AS k_before, sumIf(evaluated, window_start < onset) AS n_before
        FROM kpi_slices
        WHERE feature = {feature:String} AND kpi = {kpi:String}
            AND window_start >= onset - toIntervalMinute({baseline_minutes:UInt32})
            AND window_start < {to:DateTime('UTC')}
        GROUP BY values
    ),
    named AS (
        SELECT
            toUInt8(0) AS place, [[('', '')]] AS above, [('', '')] AS slice,
            toFloat64(0) AS share, toFloat64(0) AS adds, toFloat64(0) AS evidence,
            toFloat64(0) AS excess, toFloat64(0) AS expected_rate,
            toUInt64(0) AS bad, toUInt64(0) AS evaluated, toUInt64(0) AS evaluated_before
        UNION ALL
        SELECT
            place + 1, arrayPushBack(above, slice), slice, excess / all_excess, left_excess / all_excess,
            evidence, excess, expected_rate, bad, evaluated, evaluated_before
        FROM (
            SELECT
                *,
                -- The largest of the slices has no condition: it holds whatever is there.
                rate_of(max(bad_before) OVER (), max(evaluated_before) OVER (), 0) AS rate_before,
                max(bad) OVER () - max(evaluated) OVER () * rate_before AS all_excess,
                rate_of(bad_before, evaluated_before, rate_before) AS expected_rate,
                bad - evaluated * expected_rate AS excess,
                -- Of what no slice above holds: how much more of the excess is here than an even share?
                max(k) OVER () AS all_k, max(n) OVER () AS all_n, max(n_before) OVER () AS all_before,
                rate_of(k_before, n_before, rate_before) AS left_rate,
                k - n * left_rate AS left_excess,
                (all_k - all_n * rate_of(max(k_before) OVER (), all_before, rate_before)) / all_n AS even,
                n * (left_rate + even) AS expected,
                if(n = all_n, 1 / variance(expected, n),
                   1 / variance(expected, n) + 1 / variance(all_k - expected, all_n - n)) AS precision,
                pow(left_excess - if(n = all_n, 0, n * even), 2) * precision
                    / (1 + n / greatest(if(n_before = 0, all_before, n_before), 1)) AS evidence
            FROM (
                SELECT
                    place, above, slice,
                    sum(c.k) AS bad, sum(c.n) AS evaluated,
                    sum(c.k_before) AS bad_before, sum(c.n_before) AS evaluated_before,
                    sumIf(c.k, is_left) AS k, sumIf(c.n, is_left) AS n,
                    sumIf(c.k_before, is_left) AS k_before, sumIf(c.n_before, is_left) AS n_before
                FROM (
                    SELECT *, NOT arrayExists(one -> hasAll(values, one), above) AS is_left
                    FROM named CROSS JOIN cells
                    WHERE place < 5
                ) AS c
                ARRAY JOIN arrayConcat(
                    [[]],
                    arrayMap(a -> [a], values),
                    arrayMap(p -> [p.1, p.2], arrayFlatten(arrayMap(
                        (a, i) -> arrayMap(b -> (a, b), arraySlice(values, i + 1)), values, arrayEnumerate(values))))
                ) AS slice
                WHERE NOT has(arrayMap(v -> v.2, slice), '')
                GROUP BY place, above, slice
                HAVING n > 0 OR slice = []
            )
        )
        WHERE (n < all_n OR n_before < all_before) AND left_excess > if(n < all_n, n * even, 0)
            AND left_excess >= 0.05 * all_excess AND evidence >= 16 AND all_excess > 0
        ORDER BY n = all_n, evidence DESC, length(slice), evaluated, slice
        LIMIT 1
    )
SELECT
    arrayStringConcat(arrayMap(v -> concat(v.1, '=', v.2), slice), ' and ') AS slice_name,
    round(share, 2) AS share, round(adds, 2) AS adds, round(evidence, 1) AS evidence, round(excess, 1) AS excess,
    bad / evaluated AS rate, expected_rate, bad, evaluated, evaluated_before
FROM named
WHERE place > 0
ORDER BY place
