-- question: What changed before it started?
-- param feature String: the feature
-- param at DateTime('UTC'): the onset
-- param lookback_minutes UInt32: how far to look back, such as 120
-- read: The change nearest to the onset stands first; minutes_before is negative for the ten minutes after it.
-- read: source 'announced' came on the changes topic. source 'observed' is a version seen in telemetry for the first
-- read: time in twice that span, announced or not: a deploy that nobody announced shows up only there.
WITH
    {at:DateTime('UTC')} AS onset,
    onset - toIntervalMinute({lookback_minutes:UInt32}) AS since
SELECT
    source, moment, round((toUnixTimestamp(onset) - toUnixTimestamp(moment)) / 60, 1) AS minutes_before,
    what, subject, from_version, to_version, rollout, region, scope
FROM (
    SELECT
        'announced' AS source, toDateTime(ts, 'UTC') AS moment, toString(what) AS what, subject,
        from_version, to_version, rollout, toString(region) AS region,
        if(feature = '', 'all features', 'this feature') AS scope
    FROM changes FINAL
    WHERE (feature = {feature:String} OR feature = '') AND ts >= since AND ts < onset + toIntervalMinute(10)
    UNION ALL
    SELECT
        'observed' AS source, min(window_start) AS moment, pair.1 AS what, '' AS subject,
        '' AS from_version, pair.2 AS to_version, CAST(NULL, 'Nullable(Float64)') AS rollout, '' AS region,
        'this feature' AS scope
    FROM windows
    ARRAY JOIN [
        ('model', toString(model)), ('prompt_version', toString(prompt_version)),
        ('policy_version', toString(policy_version)), ('release', toString(release)), ('arm', toString(arm))
    ] AS pair
    WHERE row_kind = 'cell' AND feature = {feature:String} AND pair.2 NOT IN ('', 'other')
        AND window_start >= since - toIntervalMinute({lookback_minutes:UInt32})
        AND window_start < onset + toIntervalMinute(10)
    GROUP BY pair
    HAVING moment >= since
)
ORDER BY abs(minutes_before), source, what, to_version
LIMIT 50
