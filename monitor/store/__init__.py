"""ClickHouse, embedded or served: the same statements either way."""
