"""Makes renditions in worker processes: decoders of pictures crash, and hang, and need memory.

`pool` is what the service uses; `worker` is the program of the other processes, and only they import a
decoder.
"""
