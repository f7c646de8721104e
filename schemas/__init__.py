"""What is said: the contracts of every topic, and the KPI catalogue. pydantic only, no I/O, no clock."""
