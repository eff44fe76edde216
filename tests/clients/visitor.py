"""A browser whose user accepts everything: visitor.py ADDRESS. The proxy and the certificate authority, `CA`,
come from the environment."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request

if __name__ == "__main__":
    handler = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["CA"]))
    with urllib.request.build_opener(handler).open(sys.argv[1]) as page:
        page.read()
