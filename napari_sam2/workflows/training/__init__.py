"""Fine-tuning of a model on labeled stacks of a user."""
