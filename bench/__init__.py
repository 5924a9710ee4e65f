"""The benchmark: `make bench` runs it, `bench/README.md` tells what it measures and how to read it."""
