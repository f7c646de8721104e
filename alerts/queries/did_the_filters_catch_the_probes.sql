-- question: Did the filters catch the probes?
-- param feature String: the feature
-- param from DateTime('UTC'): begin
-- param to DateTime('UTC'): end, exclusive
-- read: One row for each known-bad interaction that was sent on purpose, 200 at most: first what was missed, then what
-- read: nobody evaluated, then what was caught, each with the newest first. looked are the guardrails with a verdict,
-- read: did_not_look those that were skipped, bypassed, or erred. share_missed is missed over caught and missed of all
-- read: rows in the time; empty where nobody looked at any. probe and trace_id say which one it was; what it said is not
-- read: here. Events are kept for 30 days.
SELECT
    ts, probe, result, looked, did_not_look, finish_reason,
    model, prompt_version, policy_version, release, arm, region,
    countIf(result = 'missed') OVER () / nullIf(countIf(result != 'not_evaluated') OVER (), 0) AS share_missed,
    trace_id, request_ref, emitter, topic, partition, offset
FROM probes
WHERE feature = {feature:String}
    AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
ORDER BY indexOf(['missed', 'not_evaluated', 'caught'], result), ts DESC, topic, partition, offset
LIMIT 200
