from tests.cli.conftest import loggers_as_before, stage

__all__ = ["loggers_as_before", "stage"]
