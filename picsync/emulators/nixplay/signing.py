"""S3's older signatures (version 2) for photo URLs and form uploads, and S3's errors."""

from __future__ import annotations

import base64
import calendar
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from aiohttp import web

from picsync.emulators.nixplay.options import Answer

UNNAMED_FIELDS = frozenset({"awsaccesskeyid", "policy", "signature", "file"})
"""Form fields that its policy need not mention."""
POLICY_SECONDS = 3600


def s3_answer(status: int, code: str, message: str) -> Answer:
    """Return an error in S3's XML."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{secrets.token_hex(8).upper()}</RequestId><HostId>{secrets.token_hex(28)}</HostId></Error>"
    )
    return Answer(status, body, "application/xml")


def denied(message: str = "Access Denied") -> Answer:
    """Return S3's 403."""
    return s3_answer(403, "AccessDenied", message)


def wrong_signature() -> Answer:
    """Return S3's response to a signature that does not match the request."""
    return s3_answer(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    )


class Signer:
    """Signs and verifies with one pair of keys, generated for this run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.access_key = f"AKIA{secrets.token_hex(8).upper()}"
        self._secret = secrets.token_bytes(30)
        self._clock = clock

    def sign(self, text: str) -> str:
        """Return the signature of `text`, in base64."""
        return base64.b64encode(hmac.digest(self._secret, text.encode(), "sha1")).decode()

    def is_signature(self, signature: str, text: str) -> bool:
        """Return True if `signature` is that of `text`."""
        return hmac.compare_digest(signature.encode(), self.sign(text).encode())

    def query(self, bucket: str, key: str, lifetime_s: float | None) -> str:
        """Return a query that permits GET of an object; without a lifetime, to the end of the month."""
        expires = self._month_end() if lifetime_s is None else int(self._clock() + lifetime_s)
        signature = self.sign(f"GET\n\n\n{expires}\n/{bucket}/{key}")
        return urlencode({"AWSAccessKeyId": self.access_key, "Expires": expires, "Signature": signature})

    def query_problem(self, request: web.Request, bucket: str, key: str) -> Answer | None:
        """Return why a request for an object is refused; the signature covers the method."""
        query = request.query
        if not {"AWSAccessKeyId", "Expires", "Signature"} <= query.keys():
            return denied()
        if query["AWSAccessKeyId"] != self.access_key:
            return unknown_key()
        expires = query["Expires"]
        text = f"{request.method}\n\n\n{expires}\n/{bucket}/{key}"
        if not self.is_signature(query["Signature"], text):
            return wrong_signature()
        return denied("Request has expired") if int(expires) < self._clock() else None

    def policy(self, conditions: Sequence[object]) -> str:
        """Return a policy with these conditions, in base64."""
        expiration = datetime.fromtimestamp(self._clock() + POLICY_SECONDS, UTC)
        document = {"expiration": f"{expiration:%Y-%m-%dT%H:%M:%S}.000Z", "conditions": conditions}
        return base64.b64encode(json.dumps(document).encode()).decode()

    def form_problem(self, fields: Mapping[str, str], bucket: str) -> Answer | None:
        """Return why S3 refuses these form fields; names in lower case."""
        policy = fields.get("policy")
        if policy is None or "signature" not in fields:
            return denied()
        if fields.get("awsaccesskeyid") != self.access_key:
            return unknown_key()
        if not self.is_signature(fields["signature"], policy):
            return wrong_signature()
        document: dict[str, Any] = json.loads(base64.b64decode(policy))
        if datetime.fromisoformat(document["expiration"]).timestamp() < self._clock():
            return denied("Invalid according to Policy: Policy expired.")
        return _policy_problem(document["conditions"], {**fields, "bucket": bucket})

    def _month_end(self) -> int:
        # A day ahead, so that no URL expires within the hour.
        day = datetime.fromtimestamp(self._clock(), UTC) + timedelta(days=1)
        last = calendar.monthrange(day.year, day.month)[1]
        return int(datetime(day.year, day.month, last, 23, 59, 59, tzinfo=UTC).timestamp())


def size_range(fields: Mapping[str, str]) -> tuple[int, int]:
    """Return the smallest and largest file size that the form's (valid) policy allows."""
    for condition in json.loads(base64.b64decode(fields["policy"]))["conditions"]:
        if condition[0] == "content-length-range":
            return condition[1], condition[2]
    return 0, 5 * 2**30


def unknown_key() -> Answer:
    """Return S3's response to an unknown access key."""
    return s3_answer(
        403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    )


def _policy_problem(conditions: Sequence[Any], fields: Mapping[str, str]) -> Answer | None:
    named = set()
    for condition in conditions:
        if condition[0] == "content-length-range":
            continue
        operator, variable, wanted = condition
        name = variable.removeprefix("$").lower()
        named.add(name)
        value = fields.get(name, "")
        if not (value.startswith(wanted) if operator == "starts-with" else value == wanted):
            return denied(f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}")
    extra = sorted(set(fields) - named - UNNAMED_FIELDS)
    if extra:
        return denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    return None
