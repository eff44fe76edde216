"""What an operator sees over HTTP: the status page, its JSON, health and metrics.

Only `operator` changes something: it passes on what the operator asks for.
"""
