"""One file a task, with `validate`, metric functions and `evaluate(reference, estimate) -> dict`; `report` writes it down."""
