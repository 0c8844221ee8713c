"""Numbers in Chinese letters, as people write amounts: ``三十二核``, ``两路``, ``叁台``."""

from __future__ import annotations

import re

_CHINESE = re.compile(r"(?<![\d.零〇一二两三四五六七八九十百千万亿第])[一二两三四五六七八九十百千][零〇一二两三四五六七八九十百千]*(?![\d第])")
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟两俩弍弐", "一二三四五六七八九十百千二二二二")
"""As on cheques."""
_ONES = {word: number for number, words in enumerate(("零〇", "一", "二两", "三", "四", "五", "六", "七", "八", "九")) for word in words}
_TENS = {"十": 10, "百": 100, "千": 1000}


def in_digits(text: str) -> str:
    """The text with its Chinese numbers in digits; what is no number stays."""
    return _CHINESE.sub(lambda found: str(_number(found.group(0)) or found.group(0)), text.translate(_FORMAL))


def _number(text: str) -> int:
    """``三十二`` is 32. 0 for what is no number."""
    total = digit = 0
    last = 10_000
    for word in text:
        if word in _TENS:
            if _TENS[word] >= last:
                return 0
            last = _TENS[word]
            total, digit = total + (digit or 1) * last, 0
        elif digit:
            return 0
        else:
            digit = _ONES[word]
    return total + digit
