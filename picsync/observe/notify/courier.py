"""The process that delivers one notification, or only looks at its URL; started by `delivery`.

Reads a letter as JSON from stdin, where no other user of the machine sees the URL, and answers with its exit
code. It imports nothing of picsync, so that it is small and starts quickly.
"""

import json
import signal
import sys

DELIVERED, UNDELIVERED, NOT_UNDERSTOOD = 0, 1, 3


def main() -> int:
    """Deliver the letter; without a body, only say whether its URL makes sense."""
    letter = json.load(sys.stdin.buffer)
    # Should whoever started this be gone by then.
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
