"""The networks: pure Flax modules with their frozen configurations."""
