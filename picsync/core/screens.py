"""Recognises screenshots by name, type and size.

A name tells most: phones and computers name screenshots in the user's language. Where there is no such name,
a PNG of exactly the size of a common screen is one, since cameras don't write PNG. A JPEG of that size is not
enough: pictures sent by messengers have such sizes, too.
"""

from __future__ import annotations

import re
import unicodedata

from picsync.core.model import MediaItem

_WORDS = """
screen[ _-]?(?:shot|capture|grab)s?(?![a-z]) | bildschirmfoto | bildschirmaufnahme | schermafbeelding
| schermafdruk | schermata | skjermbilde | skärmavbild | skärmbild | skærmbillede | näyttökuva | képernyőkép
| capture[ _](?:d['\u2019_ ])?écran | captura[ ]de[ ](?:pantalla|ecrã|tela) | zrzut[ ]ekranu
| snímek[ ]obrazovky | snímka[ ]obrazovky | ekran[ ](?:görüntüsü|al\u0131nt\u0131s\u0131)
| снимок[ ]экрана | скриншот | スクリーンショット | 截屏 | 屏幕截图 | 螢幕快照 | 스크린샷
"""
_NAMES = re.compile(_WORDS, re.IGNORECASE | re.VERBOSE)
_PNG = "image/png"
_SCREENS = frozenset(
    {
        *((640, 1136), (720, 1280), (720, 1600), (750, 1334), (828, 1792), (1080, 1920), (1080, 2160)),
        *((1080, 2220), (1080, 2280), (1080, 2310), (1080, 2316), (1080, 2340), (1080, 2376), (1080, 2400)),
        *((1080, 2408), (1080, 2412), (1125, 2436), (1170, 2532), (1179, 2556), (1206, 2622), (1242, 2208)),
        *((1242, 2688), (1284, 2778), (1290, 2796), (1320, 2868), (1440, 2560), (1440, 2960), (1440, 3040)),
        *((1440, 3088), (1440, 3120), (1440, 3200), (768, 1024), (1536, 2048), (1620, 2160), (1640, 2360)),
        *((1668, 2224), (1668, 2388), (2048, 2732), (768, 1366), (900, 1440), (900, 1600), (1050, 1680)),
        *((1200, 1920), (1600, 2560), (1800, 2880), (1864, 2880), (1964, 3024), (2160, 3840), (2234, 3456)),
    }
)
"""Sizes of common phones, tablets and computers, the shorter side first."""


def size_matters(item: MediaItem) -> bool:
    """Whether only the size of an item can tell that it is a screenshot, and its listing does not have it."""
    return item.mime_type == _PNG and not (item.facts.width and item.facts.height)


def is_screenshot(item: MediaItem, width: int | None, height: int | None) -> bool | None:
    """Whether an item of this size, in pixels, is a screenshot; None if that depends on an unknown size."""
    if _NAMES.search(unicodedata.normalize("NFC", item.filename)):
        return True
    if item.mime_type != _PNG:
        return False
    if not width or not height:
        return None
    return (min(width, height), max(width, height)) in _SCREENS
