"""The parts of ./demo. Python's standard library only."""
