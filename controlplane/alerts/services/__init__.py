"""What alerting does, by noun: evaluating, dispatching, delivering, and the audited changes to its own rows."""
