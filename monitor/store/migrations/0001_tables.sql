-- What arrived. Replaced by (topic, partition, offset), so writing a record twice stores it once.
-- Partitioned by the day of insertion: event times may span years in one batch, days of insertion never do.
CREATE TABLE telemetry (
    topic LowCardinality(String),
    partition UInt32,
    offset Int64,
    item UInt16 COMMENT 'position in the record, where a record holds several (OTLP)',
    mask UInt64 COMMENT 'facts about the event, see schemas/outcomes.py',
    inserted_at DateTime('UTC') DEFAULT now('UTC'),
    kind LowCardinality(String),
    schema_version UInt8,
    event_id String,
    ts DateTime64(6, 'UTC'),
    emitter LowCardinality(String),
    feature LowCardinality(String),
    surface LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    prompt_version LowCardinality(String),
    policy_version LowCardinality(String),
    release LowCardinality(String),
    arm LowCardinality(String),
    tenant String,
    user_segment LowCardinality(String),
    locale LowCardinality(String),
    region LowCardinality(String),
    risk_tier LowCardinality(String),
    prompt_category LowCardinality(String),
    trace_id String,
    span_id String,
    request_ref String,
    sample_weight UInt32,
    synthetic String,
    finish_reason LowCardinality(String),
    finish_reason_raw LowCardinality(String),
    refusal Tuple(refused Nullable(Bool), by LowCardinality(Nullable(String)), quality Nullable(Float64)),
    guardrails Array(Tuple(name String, version String, stage String, category String, verdict String,
                           action String, outcome String, score Nullable(Float64), latency_ms Nullable(Float64))),
    pii Tuple(input Array(LowCardinality(String)), output Array(LowCardinality(String))),
    injection Tuple(detected Nullable(Bool), vector LowCardinality(Nullable(String)), succeeded Nullable(Bool)),
    tool_calls Array(Tuple(name String, permitted Bool, executed Bool, risk String)),
    grounding Tuple(required Nullable(Bool), grounded Nullable(Bool)),
    tokens_input Nullable(UInt64),
    tokens_output Nullable(UInt64),
    latency_ms Nullable(Float64),
    error_type LowCardinality(String),
    redaction Tuple(status LowCardinality(String), version LowCardinality(String)),
    signal LowCardinality(String),
    outcome LowCardinality(String),
    bad Nullable(Bool),
    category LowCardinality(String),
    score Nullable(Float64),
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    INDEX ts_range ts TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(inserted_at)
ORDER BY (topic, partition, offset, item)
TTL inserted_at + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

-- Cumulative counts by emitter. Differences give what was expected.
CREATE TABLE heartbeats (
    topic LowCardinality(String),
    partition UInt32,
    offset Int64,
    kind LowCardinality(String),
    schema_version UInt8,
    event_id String,
    ts DateTime64(6, 'UTC'),
    emitter LowCardinality(String),
    started_at DateTime64(6, 'UTC'),
    feature LowCardinality(String),
    interactions UInt64,
    inserted_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (toStartOfHour(ts), feature, emitter, started_at, ts, topic, partition, offset)
TTL inserted_at + INTERVAL 400 DAY;

-- The truth. One INSERT is one flush: a 'range' row claims the offsets, 'cell' rows hold what they add.
-- Not partitioned and without materialized views, because only then is one INSERT one atomic part.
CREATE TABLE windows (
    row_kind Enum8('range' = 0, 'cell' = 1),
    topic LowCardinality(String),
    partition UInt32,
    offset_from Int64 COMMENT 'first offset of the flush, inclusive',
    offset_to Int64 COMMENT 'last offset of the flush, inclusive; offset_from - 1 when the partition is idle',
    watermark DateTime64(3, 'UTC'),
    records UInt64,
    accepted UInt64,
    duplicates UInt64,
    dead_letters UInt64,
    late UInt64,
    skipped UInt64 COMMENT 'offsets Kafka had no record for: expired, compacted, or transaction markers',
    ids_from Int64 COMMENT 'first offset whose event ids are remembered',
    ids_split Int64 COMMENT 'first offset of the younger half of the memory',
    split_at DateTime64(3, 'UTC') COMMENT 'Kafka record time at the split',
    flush String COMMENT 'of a range row: which flush wrote it',
    window_start DateTime('UTC') COMMENT 'of a range row: when it was written, for pruning',
    feature LowCardinality(String),
    model LowCardinality(String),
    prompt_version LowCardinality(String),
    policy_version LowCardinality(String),
    release LowCardinality(String),
    arm LowCardinality(String),
    tenant String,
    user_segment LowCardinality(String),
    locale LowCardinality(String),
    region LowCardinality(String),
    risk_tier LowCardinality(String),
    prompt_category LowCardinality(String),
    mask UInt64,
    n UInt64,
    weight UInt64,
    worker LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (row_kind, window_start, feature, topic, partition)
TTL window_start + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 100000;

CREATE TABLE changes (
    topic LowCardinality(String),
    partition UInt32,
    offset Int64,
    kind LowCardinality(String),
    schema_version UInt8,
    event_id String,
    ts DateTime64(6, 'UTC'),
    emitter LowCardinality(String),
    what LowCardinality(String),
    feature LowCardinality(String) COMMENT 'empty: all features',
    subject String,
    from_version String,
    to_version String,
    rollout Nullable(Float64),
    region LowCardinality(String),
    author_ref String,
    inserted_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset);

CREATE TABLE reviews (
    topic LowCardinality(String),
    partition UInt32,
    offset Int64,
    kind LowCardinality(String),
    schema_version UInt8,
    event_id String,
    ts DateTime64(6, 'UTC'),
    emitter LowCardinality(String),
    source LowCardinality(String),
    verdict LowCardinality(String),
    feature LowCardinality(String),
    signal LowCardinality(String),
    category LowCardinality(String),
    incident_id String,
    trace_id String,
    span_id String,
    request_ref String,
    reviewer_ref String,
    inserted_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset);

CREATE TABLE scores (
    window_start DateTime('UTC'),
    feature LowCardinality(String),
    kpi LowCardinality(String),
    detector LowCardinality(String),
    policy_version LowCardinality(String),
    evaluated UInt64,
    bad UInt64,
    expected_rate Float64,
    interval_low Float64,
    interval_high Float64,
    log_e Float64,
    threshold Float64,
    coverage Float64,
    state LowCardinality(String),
    inserted_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (feature, kpi, window_start, detector, policy_version)
TTL window_start + INTERVAL 400 DAY;

CREATE TABLE incidents (
    incident_id FixedString(32),
    feature LowCardinality(String),
    kpi LowCardinality(String),
    state LowCardinality(String),
    severity LowCardinality(String),
    direction LowCardinality(String),
    onset DateTime('UTC'),
    detected_at DateTime('UTC'),
    resolved_at Nullable(DateTime('UTC')),
    evaluated UInt64,
    bad UInt64,
    observed_rate Float64,
    expected_rate Float64,
    interval_low Float64,
    interval_high Float64,
    log_e Float64,
    coverage Float64,
    detector LowCardinality(String),
    policy_version LowCardinality(String),
    updated_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY incident_id;
