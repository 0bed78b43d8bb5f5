"""One file a task, each with validate, metric functions and evaluate."""
