"""Notifies the user once about each problem, and once when it is resolved.

`notices` decides what to say (pure), `notifier` when, `delivery` passes it to the Apprise library. That
library runs in a separate process for each message (`courier`): many of its services write addresses and
tokens to logs, and none can be interrupted otherwise.
"""

from picsync.observe.notify.delivery import check_notify, deliver, label
from picsync.observe.notify.notices import Condition, Key, Level, Message, Notices, conditions
from picsync.observe.notify.notifier import Notifier, page_address, with_page
from picsync.observe.notify.ping import HttpPing, Pinger

__all__ = [
    "Condition",
    "HttpPing",
    "Key",
    "Level",
    "Message",
    "Notices",
    "Notifier",
    "Pinger",
    "check_notify",
    "conditions",
    "deliver",
    "label",
    "page_address",
    "with_page",
]
