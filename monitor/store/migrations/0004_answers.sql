-- The scorer asks every few seconds what people said of its open incidents; labels of interactions may be millions.
ALTER TABLE reviews ADD INDEX IF NOT EXISTS of_incident incident_id TYPE bloom_filter GRANULARITY 1;

ALTER TABLE reviews MATERIALIZE INDEX of_incident;
