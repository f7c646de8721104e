"""Detection: how fast a change is found, at how many false pages, beside the optimum and what people use today."""
