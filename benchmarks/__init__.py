"""What picsync costs: time, CPU, memory, requests and bytes, between emulated services on this machine.

`python -m benchmarks` needs no account and no network. The emulated services run in this process, over TLS;
each picsync runs in one of its own, so that the figures are picsync's alone:

    scenes     the states of the world that a cycle starts from, and what it must have made of them
    photos     unique JPEGs of any size, made while they are sent
    authority  the private authority of the services' certificates
    measure    one process: wall and CPU time, peak memory, and what the services saw of it
    operations the name of each request
    ideal      the wall time that the wire alone would allow
    replay     the requests of a picsync that was measured, for a bare client, and a server for it
    bare       that client: what the same requests and bytes need without picsync
    clients    several HTTP clients, compared
    paired     two versions of picsync, run alternately
    process    the time before the first request, and what an idle process costs
    rendered   the first sync of large photos that are converted
    results    figures as JSON, to compare two runs by
    report     figures as tables
    plot       figures as a picture
    page       figures in doc/performance.md
"""
