"""Framing and surgery on bytes, with no meaning: server-sent events and top-level JSON surgery."""
