-- What the detector learned of each series, by the moment of learning. It could be learned again from `windows`;
-- that takes a tenth of a second each.
CREATE TABLE baselines (
    feature LowCardinality(String),
    kpi LowCardinality(String),
    detector LowCardinality(String),
    policy_version LowCardinality(String),
    learned_at DateTime('UTC'),
    parameters Array(Float64) COMMENT 'see detectors/rows.py',
    fitted UInt16 COMMENT 'coefficients of the season',
    windows UInt32 COMMENT 'it was learned from',
    seconds UInt32 COMMENT 'length of a window',
    strata Array(String) COMMENT 'prompt categories; empty where the rate is not adjusted by their mix',
    strata_rates Array(Float64) COMMENT 'NaN where too little is known of one',
    strata_mean Float64 COMMENT 'rate in the mix of the history',
    shape Array(Float64) COMMENT 'of arrivals: factors by day of the week and five minutes, if harmonics do not do',
    shifts Bool COMMENT 'the mix of strata itself is watched',
    inserted_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (feature, kpi, detector, policy_version, learned_at)
TTL learned_at + INTERVAL 400 DAY;
