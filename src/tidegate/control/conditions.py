"""A `when` of the configuration becomes the condition that is asked for each call."""

from zoneinfo import available_timezones

from tidegate.control.config import HoursEntry, WhenEntry
from tidegate.control.problems import Path, Problems
from tidegate.policy.bounds import Hours, flaw_of_time_of_day
from tidegate.policy.near import did_you_mean
from tidegate.policy.when import ALWAYS, When


class Conditions:
    """Tells mistakes to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def read(self, entry: WhenEntry | None, path: Path) -> When:
        if entry is None:
            return ALWAYS
        if entry.input_over is not None and entry.input_under is not None and entry.input_over >= entry.input_under:
            self._problems.error((*path, "input_over"), "no prompt has more than `input_over` and less than `input_under` tokens")
        found = When(
            orgs=tuple(entry.orgs),
            teams=tuple(entry.teams),
            users=tuple(entry.users),
            keys=tuple(entry.keys),
            tags=tuple(entry.tags),
            asks=tuple(entry.asks),
            not_asks=tuple(entry.not_asks),
            input_over=entry.input_over,
            input_under=entry.input_under,
            stream=entry.stream,
            hours=tuple(self._hours(hours, (*path, "hours", index)) for index, hours in enumerate(entry.hours)),
        )
        if found == ALWAYS:
            self._problems.error(path, "a `when` says for which calls: set one of its fields, like `tags` or `input_over`")
        return found

    def _hours(self, entry: HoursEntry, path: Path) -> Hours:
        for name, text in (("from", entry.from_), ("to", entry.to)):
            flaw = flaw_of_time_of_day(text)
            if flaw is not None:
                self._problems.error((*path, name), flaw)
        if entry.time_zone not in available_timezones():
            hint = did_you_mean(entry.time_zone, sorted(available_timezones()))
            self._problems.error(
                (*path, "time_zone"), f"there is no time zone `{entry.time_zone}`; they are called like `Europe/Berlin`.{hint}"
            )
        return Hours(days=tuple(entry.days), from_=entry.from_, to=entry.to, time_zone=entry.time_zone)
