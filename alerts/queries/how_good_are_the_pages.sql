-- question: How good are the pages?
-- param from DateTime('UTC'): begin; a month says more than a week
-- param to DateTime('UTC'): end, exclusive
-- read: One row for all incidents that were detected in that time, then one for each KPI; those of severity info, which
-- read: page nobody, are left out. precision is actionable over all that were judged actionable, noise or expected;
-- read: NULL where nobody judged any, and a guess while judged is small beside incidents. repeat_rate is the share that
-- read: began within a day of the end of its like. The medians, in seconds: to_detect from the onset to the window that
-- read: gave it away, to_acknowledge from there to the first answer of anybody, to_mitigate from the onset until it
-- read: harmed nobody, said by people or seen by the detector. What has not happened yet counts in no median.
SELECT
    scope,
    count() AS incidents,
    countIf(verdict != '') AS judged,
    countIf(verdict = 'actionable') AS actionable,
    countIf(verdict = 'noise') AS noise,
    countIf(verdict = 'expected') AS expected,
    round(actionable / nullIf(actionable + noise + expected, 0), 3) AS precision,
    round(avg(is_repeat), 3) AS repeat_rate,
    quantileExact(0.5)(toNullable(seconds_to_detect)) AS to_detect,
    quantileExact(0.5)(seconds_to_acknowledge) AS to_acknowledge,
    quantileExact(0.5)(seconds_to_mitigate) AS to_mitigate,
    countIf(state != 'resolved') AS open
FROM (SELECT *, arrayJoin(['all', toString(kpi)]) AS scope FROM incident_response WHERE severity != 'info')
WHERE detected_at >= {from:DateTime('UTC')} AND detected_at < {to:DateTime('UTC')}
GROUP BY scope
ORDER BY scope != 'all', incidents DESC, scope
