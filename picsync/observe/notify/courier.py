"""The process that delivers one notification, or only checks its URL; started by `delivery`.

Reads the message as JSON from stdin, where no other user of the machine sees the URL, and reports by its exit
code. It imports nothing of picsync, so that it is small and starts quickly.
"""

import json
import signal
import sys

DELIVERED, UNDELIVERED, NOT_UNDERSTOOD = 0, 1, 3


def main() -> int:
    """Deliver the message; without a body, only check its URL."""
    letter = json.load(sys.stdin.buffer)
    # In case the parent process has ended by then.
    signal.alarm(letter["limit_s"])
    import apprise

    asset = apprise.AppriseAsset(app_id="picsync", app_desc="picsync")
    service = apprise.Apprise.instantiate(letter["url"], asset=asset)
    if service is None:
        return NOT_UNDERSTOOD
    if letter["body"] is None:
        return DELIVERED
    done = apprise.Apprise([service], asset=asset).notify(
        title=letter["title"], body=letter["body"], notify_type=letter["level"], body_format="text"
    )
    return DELIVERED if done else UNDELIVERED


if __name__ == "__main__":
    sys.exit(main())
