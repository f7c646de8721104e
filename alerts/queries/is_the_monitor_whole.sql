-- question: Is the monitor whole?
-- param at DateTime('UTC'): now
-- read: One row for each partition, the worst first. seconds_behind is how old the newest complete moment is: below 60
-- read: is usual. seconds_silent is how long ago anybody wrote for the partition: above 60 nobody owns it, or the
-- read: store does not take writes. gap counts records that were skipped (above 0) or counted twice (below 0), over all
-- read: time; anything but 0 is a fault of Vigil, or records that Kafka deleted before they were read. It stays for
-- read: ever, so the verdict names first what is wrong now.
SELECT
    w.topic AS topic, w.partition AS partition,
    w.watermark AS complete_until,
    dateDiff('second', w.watermark, {at:DateTime('UTC')}) AS seconds_behind,
    w.written_at AS written_at,
    dateDiff('second', w.written_at, {at:DateTime('UTC')}) AS seconds_silent,
    a.claimed AS records, a.gap AS gap,
    multiIf(seconds_silent > 60, 'nobody writes', seconds_behind > 60, 'behind', gap != 0, 'gap or overlap', 'whole')
        AS verdict
FROM watermarks AS w
LEFT JOIN offset_audit AS a ON a.topic = w.topic AND a.partition = w.partition
ORDER BY
    indexOf(['nobody writes', 'behind', 'gap or overlap', 'whole'], verdict),
    abs(gap) DESC, seconds_silent DESC, seconds_behind DESC, topic, partition
