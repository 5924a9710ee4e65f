"""What the gateway does when more is asked of it, or of a target, than there is room for: pure, told the time and what was measured."""
