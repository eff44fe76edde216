"""CPU and memory profiles of the process, served like Go's net/http/pprof."""
