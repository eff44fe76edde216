from tests.cli.conftest import cli, loggers_as_before

__all__ = ["cli", "loggers_as_before"]
