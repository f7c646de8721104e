-- question: When did it start?
-- param feature String: the feature
-- param kpi String: the KPI, such as refusal_rate
-- param from DateTime('UTC'): begin of the search; leave at least as much quiet time as trouble, an hour or more
-- param to DateTime('UTC'): end of the search, while it was still bad
-- read: Each row is a ten-second window at which the rate may have changed for good, the likeliest first.
-- read: log_likelihood_ratio says how much better two rates (before, after) explain the counts than one. Rows within
-- read: 3 of the first are hardly worse, so they span the honest range of the onset. Below about 6 there is no onset.
WITH
    -- The log-likelihood of k bad among n at their own rate.
    (k, n) -> if(k > 0, k * log(k / n), 0) + if(n > k, (n - k) * log((n - k) / n), 0) AS likelihood,
    series AS (
        SELECT window_start, sum(bad) AS k, sum(evaluated) AS n
        FROM kpi_windows
        WHERE feature = {feature:String} AND kpi = {kpi:String}
            AND window_start >= {from:DateTime('UTC')} AND window_start < {to:DateTime('UTC')}
        GROUP BY window_start
        HAVING n > 0
    ),
    splits AS (
        SELECT
            window_start,
            sum(k) OVER (ORDER BY window_start ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS bad_after,
            sum(n) OVER (ORDER BY window_start ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS evaluated_after,
            sum(k) OVER () - bad_after AS bad_before,
            sum(n) OVER () - evaluated_after AS evaluated_before
        FROM series
    )
SELECT
    window_start AS onset,
    round(likelihood(bad_before, evaluated_before) + likelihood(bad_after, evaluated_after)
          - likelihood(bad_before + bad_after, evaluated_before + evaluated_after), 2) AS log_likelihood_ratio,
    bad_before / evaluated_before AS rate_before,
    bad_after / evaluated_after AS rate_after,
    bad_before, evaluated_before, bad_after, evaluated_after
FROM splits
WHERE evaluated_before > 0
ORDER BY log_likelihood_ratio DESC, onset
LIMIT 5
