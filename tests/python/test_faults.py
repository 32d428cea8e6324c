# SPDX-License-Identifier: MIT
"""The libtorch engine without memory: a sample of engine_faults.py's faults."""

import engine_faults


def test_every_call_survives() -> None:
    rows = engine_faults.measure(faults=20, opens=4, levels=6)
    print(engine_faults.table(rows))
    assert not engine_faults.failures(rows)


def test_no_fault_of_an_isolated_engine_ends_the_program() -> None:
    rows = engine_faults.measure_isolated(faults=20, opens=4)
    print(engine_faults.isolated_table(rows))
    assert not engine_faults.isolated_failures(rows)
