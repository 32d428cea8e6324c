# SPDX-License-Identifier: MIT
"""Some programs made at random of the listed operators (programs.py): none ends the process. Many more
are run by tests/long/programs.py."""

from __future__ import annotations

import time
from pathlib import Path

import program_calls
import program_writer
import programs
import pytest

SEED, MOST, BATCH, SECONDS, ISOLATED = 22, 1000, 100, 40, 24
Answers = list[tuple[programs.Program, programs.Answer]]


class Maker:
    """Writes programs' files."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._forms = folder, program_writer.all_forms()
        self._records = {large: programs.base_records(folder, large) for large in (False, True)}

    def batch(self, first: int, count: int) -> list[tuple[programs.Program, Path]]:
        made = [programs.program(self._forms, SEED, first + i) for i in range(count)]
        batch = [(program, self._folder / f"{program.number}.artfusion") for program in made]
        for program, path in batch:
            programs.write_program(path, self._records[program.large], program)
        return batch


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def answers(maker: Maker) -> Answers:
    """Of as many as there is time for, three batches at least."""
    found: Answers = []
    began = time.monotonic()
    while len(found) < MOST and (len(found) < 3 * BATCH or time.monotonic() - began < SECONDS):
        found += programs.run_all(maker.batch(len(found), BATCH))
    return found


def test_no_program_ends_the_process(answers: Answers) -> None:
    assert [(made, answer) for made, answer in answers if answer.status == "DIED"] == []


def test_each_error_has_a_sentence(answers: Answers) -> None:
    for _, answer in answers:
        assert (answer.status == "OK") == (answer.message == "")
        assert answer.status in ("OK", "FORMAT", "LIMIT", "ENGINE", "MEMORY", "NUMERIC")


def test_isolated_ones_give_the_same_answers(maker: Maker, answers: Answers) -> None:
    isolated = list(programs.run_all(maker.batch(0, ISOLATED), isolated=True))
    assert isolated == answers[:ISOLATED]


def test_they_get_far(answers: Answers) -> None:
    """Of what is made too wild, nothing would be seen but the readers' refusals."""
    share = {status: sum(answer.status == status for _, answer in answers) / len(answers)
             for status in ("OK", "FORMAT", "ENGINE")}  # fmt: skip
    assert share["OK"] > 0.15
    assert share["FORMAT"] < 0.5
    assert share["ENGINE"] > 0.2


def test_they_reach_the_engine_s_own_kernels(answers: Answers) -> None:
    """By sentences that are theirs alone; on a processor without bfloat16 there are none of these."""
    if not _multiplies_bfloat16():
        pytest.skip("no bfloat16 on this processor")
    own = ("a convolution of ", "a convolution's ", "a convolution to ", "is larger than its input",
           "channels are not to be divided")  # fmt: skip
    assert any(word in answer.message for _, answer in answers for word in own)


def _multiplies_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def test_a_number_is_the_same_program_each_time() -> None:
    forms = program_writer.all_forms()
    assert programs.program(forms, 1, 7) == programs.program(forms, 1, 7)
    assert programs.program(forms, 1, 7) != programs.program(forms, 2, 7)


def test_the_calls_are_of_listed_operators() -> None:
    assert set(program_calls.CALLS) <= set(program_writer.listed_operators())
