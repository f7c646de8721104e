"""Telemetry of features that do not exist, with a known incident in it: for the demo, tests and backtests."""
