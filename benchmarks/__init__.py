"""What picsync costs: time, CPU, memory, requests and bytes, between emulated services on this machine.

`python -m benchmarks` needs no account and no network. The emulated services run in this process, each
picsync in one of its own, so that what is measured is picsync's alone:

    scenes     the states of the world that a cycle starts from, and what it must have made of them
    photos     unique JPEGs of any size, made while they are sent
    measure    one picsync process: wall and CPU time, peak memory, and what the services saw of it
    operations the name of each request
    ideal      the wall time that the wire alone would allow
    startup    the time before the first request, and what an idle process costs
    results    figures as JSON, to compare two runs by
    report     figures as tables and as a plot
"""
