"""The twelve steps with the real SDK, in a process of their own because SSL_CERT_FILE holds for a whole process."""

import subprocess
import sys

import pytest

from perflab.standins.conformance_steps import STEPS


@pytest.fixture(scope="module")
def transcript() -> list[str]:
    command = [sys.executable, "-m", "perflab.standins.conformance"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(STEPS) + 1, done.stdout + done.stderr
    assert (done.returncode == 0) == all(line.endswith(" ok") for line in lines[:-1])
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("step", range(len(STEPS)), ids=[title for title, _ in STEPS])
def test_the_sdk_finds_what_it_expects(transcript, step):
    assert STEPS[step][0] in transcript[step]
    assert transcript[step].endswith(" ok"), transcript[step]
