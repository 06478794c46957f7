"""People who write notes and read them back."""

import random

from perflab.load.http import Operation, PacedHttpUser

NOTES = 40


def note(stream: random.Random) -> dict[str, str]:
    number = stream.randrange(NOTES)
    text = f"text of note {number} " * 20
    return {"id": str(number), "title": f"Note {number}", "body": text, "author": "a", "tag": "t"}


class NotesUser(PacedHttpUser):
    endpoint = "http"
    rate_per_s = 20.0
    operations = (
        # A note that nobody has written yet is not there: 404 is a right answer to this operation, and to no other.
        Operation("read note", "read", "GET", lambda stream: f"/notes/{stream.randrange(NOTES)}", weight=4, ok=(404,)),
        Operation("write note", "write", "POST", lambda stream: "/notes", note, same_answer=True),
    )
