"""How long something lasts, in words that are true for seconds and for days alike."""

from __future__ import annotations

from orchestrator.texts import Sentence, say


def spell(seconds: float) -> Sentence:
    """``0.4 s``, ``45 s``, ``1 min 30 s``, ``2 h 5 min``, ``14 days``: two units at most, and never 0 of what is not 0."""
    if seconds < 10:
        return say("duration.seconds", seconds=float(f"{seconds:.2g}"))
    whole = round(seconds)
    if whole < 60:
        return say("duration.seconds", seconds=whole)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return say("duration.minutes_seconds", minutes=minutes, seconds=rest) if rest else say("duration.minutes", minutes=minutes)
    whole = round(seconds / 60)
    if whole < 48 * 60:
        hours, rest = divmod(whole, 60)
        return say("duration.hours_minutes", hours=hours, minutes=rest) if rest else say("duration.hours", hours=hours)
    days, rest = divmod(round(seconds / 3600), 24)
    return say("duration.days_hours", days=days, hours=rest) if rest else say("duration.days", days=days)
