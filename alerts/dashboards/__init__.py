"""Grafana dashboards as code: one module each, built to JSON in `built/`, with what provisions them beside it."""
