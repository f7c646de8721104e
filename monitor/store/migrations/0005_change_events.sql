-- Changes that PagerDuty was told of, by event id, so that a restart does not tell them again.
CREATE TABLE change_events (
    event_id String,
    result LowCardinality(String) COMMENT 'sent, or refused for good',
    told_at DateTime('UTC')
)
ENGINE = ReplacingMergeTree(told_at)
ORDER BY event_id
TTL told_at + INTERVAL 30 DAY;
