"""Makes the events of an answer gone on with follow those of its first part: one log, as if it had never been cut."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.conversations.conversation import Reply
from engine.events import Event, Finished, Planned, Round, Started


@dataclass(frozen=True, slots=True)
class Continuation:
    """Continues ``before``, which was answered by the same levels and has at least one round."""

    before: Reply

    @property
    def seconds(self) -> float:
        """Where the clock of the first part stopped."""
        last = self.before.rounds[-1]
        return last.start + last.seconds

    @property
    def tokens(self) -> int:
        """How many tokens the first part has."""
        return sum(len(round_.settled) for round_ in self.before.rounds)

    def follow(self, event: Event) -> Event | None:
        """Return ``event`` as it stands in the whole answer; None for the second Started, which would begin anew."""
        match event:
            case Started():
                return None
            case Planned():
                return self._placed(event)
            case Round():
                passes = tuple(replace(pass_, start=pass_.start + self.seconds) for pass_ in event.passes)
                index, start = event.index + len(self.before.rounds), event.start + self.seconds
                plan = event.plan and self._placed(event.plan)
                return replace(event, index=index, start=start, passes=passes, plan=plan)
            case Finished():
                return self._whole(event)
        return event

    def _placed(self, plan: Planned) -> Planned:
        return replace(plan, token=plan.token + self.tokens)

    def _whole(self, end: Finished) -> Finished:
        earlier = self.before.finished
        tokens, seconds = self.tokens + end.tokens, self.seconds + end.seconds
        share = tokens / end.tokens if end.tokens else 0.0  # the first part was made at the same pace, as far as known
        return replace(
            end,
            text=self.before.text + end.text,
            tokens=tokens,
            seconds=seconds,
            tokens_per_second=tokens / seconds if seconds else 0.0,
            prefill_seconds=end.prefill_seconds + (earlier.prefill_seconds if earlier else 0.0),
            plain_seconds=end.plain_seconds and end.plain_seconds * share,
            plain_error=end.plain_error and end.plain_error * share,
        )
