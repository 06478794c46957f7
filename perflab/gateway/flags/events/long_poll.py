"""Long poll: the answer to "what is new?" waits until there is something, or until the client's patience ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query

from perflab.gateway.flags.events import PATH
from perflab.gateway.flags.events._cursor import Cursor, SessionId, TooFarBehind, newest
from perflab.gateway.flags.events._hub import Hub, HubFull, first_news

if TYPE_CHECKING:
    from perflab.gateway.gateway import Gateway

LONGEST_S = 30.0  # below the idle time-out of common proxies, 60 s


class LongPoll(Hub):
    """`GET .../events?after=CURSOR&wait_s=S` answers {"events": [...], "cursor": "..."}."""

    def install(self, application: FastAPI, gateway: Gateway) -> None:
        """Add the endpoint; without `after` it waits for what comes from now on."""
        self.count_in(gateway.metrics)

        @application.get(PATH)
        async def events(
            session: SessionId, after: str = "", wait_s: Annotated[float, Query(ge=0, le=LONGEST_S)] = LONGEST_S
        ) -> dict[str, Any]:
            try:
                cursor = Cursor.parse(after) if after else await newest(gateway.state, session)
                found = await first_news(self, gateway.state, session, cursor, wait_s)
            except ValueError as error:
                raise HTTPException(422, str(error)) from None
            except TooFarBehind as error:
                self.drop(session, "behind")
                raise HTTPException(410, str(error)) from None
            except HubFull as error:
                raise HTTPException(503, str(error), {"retry-after": "1"}) from None
            return {"events": [e.body() for e in found], "cursor": str(found[-1].cursor if found else cursor)}


def build() -> LongPoll:
    """Return the news."""
    return LongPoll()
