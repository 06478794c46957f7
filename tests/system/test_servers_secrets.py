"""What is said of a URL that is wrong or unreachable holds no secret of it, however it was written."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import SystemFailure
from perflab.system.servers.own import masked, require_reachable, url_fault

# Letters that no other part of the URLs below holds, and all that divides a URL's parts.
SECRETS = st.text("QXZ789:/?#@[]&=%+. ", min_size=1, max_size=12).filter(lambda text: set(text) & set("QXZ789"))
FORMS = ("redis://user:{}@host/3", "redis://:{}@host", "postgres://us:{}@host:12/db", "redis:us:{}@host", "us:{}@host",
         "redis://host?password={}", "redis://us:x@host/1?sslpassword={}&a=b", "wrong://us:{}@[::1]/", "//:{}@host",
         "redis://host:12/db?x=y&PASSWORD={}", "redis://us:{}@/db", "redis://us:{}@ho[st")  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(form=st.sampled_from(FORMS), secret=SECRETS)
def test_nothing_of_a_secret_is_said(form: str, secret: str) -> None:
    said = url_fault("redis", form.format(secret)) + masked(form.format(secret))
    assert not set(said) & set("QXZ789")


@pytest.mark.parametrize("url", ["redis://user:s3cr#et@host", "redis://:12/34@host", "redis://us:s3?et@host"])
def test_a_password_that_divides_the_url_is_named_as_what_may_be_wrong(url: str) -> None:
    fault = url_fault("redis", url)
    assert "percent-encoding" in fault and not any(part in fault for part in ("s3", "et", "12", "34"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@127.0.0.1:6379/3", "redis://me:***@127.0.0.1:6379/3"),
        ("redis://:secret@[::1]:6379", "redis://:***@[::1]:6379"),
        ("postgresql://me@db.example/shop?sslmode=require", "postgresql://me@db.example/shop?***"),
        ("redis://db", "redis://db"),
    ],
)
def test_what_is_no_secret_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_an_unreachable_server_is_named_without_its_secrets() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(SystemFailure, match="cannot be reached") as told:
            require_reachable("store", f"redis://me:secret@127.0.0.1:{port}/0?password=hidden")
    assert "secret" not in str(told.value) and "hidden" not in str(told.value) and str(port) in str(told.value)
