"""Players with equal points: every board must put them in the same places, or its answers cannot be compared."""

from __future__ import annotations

from typing import Any

from perflab.experiments.education import leaderboard
from perflab.experiments.state_database.laboratory import Laboratory

from .test_state_contests import lab  # noqa: F401  # a fixture
from .test_state_database import small  # noqa: F401  # a fixture


def test_players_with_equal_points_are_placed_alike_by_every_board(
    lab: Laboratory,  # noqa: F811
    monkeypatch: Any,
) -> None:
    """Whoever has the higher number stands before another with as many points, in the list and by the rank."""
    monkeypatch.setattr(leaderboard, "PLAYERS", 300)
    boards, points = leaderboard.boards(lab), {player: int(n) for player, n in enumerate(leaderboard.seeds())}
    highest = max(points.values())
    tied = (3, 17, 200)
    for name, board in boards.items():
        leaderboard.refill(lab, name)
        for player in tied:
            lab.run(board.submit(player, highest + 1 - points[player]))
        if board.after:
            lab.run(board.after())
        seen = {player: lab.run(board.read(player)) for player in tied}
        assert {player: rank for player, (_, rank) in seen.items()} == {200: 0, 17: 1, 3: 2}, name
        assert [player for player, _ in seen[3][0][:3]] == [200, 17, 3], name
