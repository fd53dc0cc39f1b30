"""Training: the step, the loop that yields events, evaluation, and what a checkpoint holds."""
