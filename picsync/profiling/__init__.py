"""What the process does with its time and memory, served as Go's net/http/pprof serves it."""
