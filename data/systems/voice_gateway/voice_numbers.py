"""How the sessions of a user are numbered: a session that was cut off goes on as another one.

(user, turn) names a turn in the client's rows and in the stand-ins' logs, so that no two sessions may share a number.
"""

from __future__ import annotations

NEW_NUMBER = 2_000_000  # users, those of open arrivals too, are numbered below it
MOST_NUMBERS = 499  # the last number has nine digits, which is as many as the stand-ins read
REFUSED_FROM = 1_000_000  # the "turns" of attempts that share the last number


def numbered(user: int, attempt: int) -> tuple[int, int]:
    """Return the number of a user's session and the turn to which a refusal counts, after `attempt` attempts.

    All attempts beyond the last number share it, each with a turn of its own: a user can be refused for hours.
    """
    number = user + NEW_NUMBER * min(attempt, MOST_NUMBERS - 1)
    return number, 1 if attempt < MOST_NUMBERS - 1 else REFUSED_FROM + attempt
