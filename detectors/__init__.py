"""What is thought: columns of closed windows in, scores out. No I/O, no clock."""
