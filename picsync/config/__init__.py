"""Reads and checks picsync.yaml, the credentials file and the environment; reports all problems at once."""

from picsync.config.credentials import (
    CREDENTIALS_PATHS,
    Account,
    Credentials,
    Logins,
)
from picsync.config.deletes import MaxDelete
from picsync.config.durations import parse_duration
from picsync.config.frames import FrameSettings
from picsync.config.known import Known
from picsync.config.listening import Listen, Listener, StatusListener, WebListener
from picsync.config.loading import account_kinds, load_config, load_credentials, read_entries
from picsync.config.loginfile import merge_login
from picsync.config.rules import AlbumRule
from picsync.config.settings import LEAST_EVERY, Config
from picsync.config.tree import read_regular

__all__ = [
    "CREDENTIALS_PATHS",
    "LEAST_EVERY",
    "Account",
    "AlbumRule",
    "Config",
    "Credentials",
    "FrameSettings",
    "Known",
    "Listen",
    "Listener",
    "Logins",
    "MaxDelete",
    "StatusListener",
    "WebListener",
    "account_kinds",
    "load_config",
    "load_credentials",
    "merge_login",
    "parse_duration",
    "read_entries",
    "read_regular",
]
