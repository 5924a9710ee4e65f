"""One folder per wire format, pure both ways. `table` lists them; nothing outside names a dialect in its code."""
