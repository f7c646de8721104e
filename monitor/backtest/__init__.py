"""What would have paged: policies tried on windows of the past, from a file or from the store."""
