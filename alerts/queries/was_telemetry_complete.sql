-- question: Was the telemetry complete?
-- param feature String: the feature
-- param from DateTime('UTC'): begin
-- param to DateTime('UTC'): end, exclusive; leave out the last minute, whose heartbeats are still on their way
-- read: One row a minute. expected comes from the emitters' own counts, arrived from what was counted here. verdict
-- read: is 'complete' from 99 % on, 'incomplete' below, and 'unknown' where no heartbeat says what was expected: no
-- read: traffic and silence look alike then. offset_gaps counts records of Kafka that were skipped or taken twice,
-- read: over all partitions and all time; anything but 0 is a fault of Vigil itself.
SELECT
    toStartOfMinute(window_start) AS minute,
    round(sum(c.expected), 1) AS expected,
    sum(c.arrived) AS arrived,
    if(expected = 0, NULL, round(arrived / expected, 4)) AS completeness,
    multiIf(completeness IS NULL, 'unknown', completeness < 0.99, 'incomplete', 'complete') AS verdict,
    (SELECT sum(abs(gap)) FROM offset_audit) AS offset_gaps
FROM completeness AS c
WHERE feature = {feature:String}
    AND window_start >= {from:DateTime('UTC')} AND window_start < {to:DateTime('UTC')}
GROUP BY minute
ORDER BY minute
