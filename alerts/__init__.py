"""What is told: policy, rules, runbooks, queries; data and the builder of the data."""
