import pytest

from appliance.services.in_flight import Claim, InFlight


def claim(number: int = 1, *, high_priority: bool = False) -> Claim:
    return Claim(f"clm_{number}", "acc_1", (f"msg_{number}",), high_priority)


def test_slot_is_taken_until_the_work_ends() -> None:
    changes: list[str] = []
    in_flight = InFlight(lambda: changes.append("changed"))
    in_flight.add(claim())

    with in_flight.working("clm_1"):
        assert (in_flight.used_slots(high_priority=False), in_flight.working_ids()) == (1, {"clm_1"})

    assert (in_flight.used_slots(high_priority=False), in_flight.working_ids()) == (0, set())
    assert (in_flight.take_ended(), in_flight.take_ended(), changes) == ({"clm_1"}, set(), ["changed"])


def test_slot_is_free_however_the_work_ends() -> None:
    in_flight = InFlight()
    in_flight.add(claim())

    with pytest.raises(RuntimeError), in_flight.working("clm_1"):
        raise RuntimeError("broken")

    assert in_flight.take_ended() == {"clm_1"}


def test_slots_are_counted_by_priority() -> None:
    in_flight = InFlight()
    in_flight.add(claim(1))
    in_flight.add(claim(2, high_priority=True))
    in_flight.add(claim(3, high_priority=True))

    assert (in_flight.used_slots(high_priority=False), in_flight.used_slots(high_priority=True)) == (1, 2)


def test_claim_that_two_tasks_work_on_ends_once_with_the_last() -> None:
    in_flight = InFlight()
    in_flight.add(claim())
    first, second = in_flight.working("clm_1"), in_flight.working("clm_1")
    first.__enter__()
    second.__enter__()

    second.__exit__(None, None, None)

    assert (in_flight.take_ended(), in_flight.working_ids()) == (set(), {"clm_1"})
    first.__exit__(None, None, None)
    assert (in_flight.take_ended(), in_flight.ids()) == ({"clm_1"}, set())


def test_claim_of_another_process_takes_no_slot_and_leaves_no_end() -> None:
    in_flight = InFlight()

    with in_flight.working("clm_other"):
        assert (in_flight.used_slots(high_priority=False), in_flight.ids()) == (0, {"clm_other"})

    assert in_flight.take_ended() == set()


def test_forgotten_claim_frees_its_slot_unless_somebody_works_on_it() -> None:
    in_flight = InFlight()
    in_flight.add(claim(1))
    in_flight.add(claim(2))

    with in_flight.working("clm_1"):
        in_flight.forget({"clm_1", "clm_2"})

        assert in_flight.ids() == {"clm_1"}


def test_draining_stays() -> None:
    in_flight = InFlight()
    assert not in_flight.draining

    in_flight.drain()

    assert in_flight.draining
