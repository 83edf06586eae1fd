"""Jobs as their makers see them."""

from appliance.bootstrap import Core
from tests.web.api.letters import MESSAGES, post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi

JOBS = "/api/v1/jobs"


def made(api: ApiClient) -> str:
    answer = api.post(f"{MESSAGES}/bulk", {"action": "cancel", "all": True})
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["job"]["id"])


def listed(api: ApiClient, query: str = "") -> list[str]:
    return [one["id"] for one in api.get(f"{JOBS}?{query}").get_json()["items"]]


def test_list_is_newest_first_and_pages(api: ApiClient) -> None:
    first, second, third = made(api), made(api), made(api)

    page = api.get(f"{JOBS}?limit=2").get_json()

    assert [one["id"] for one in page["items"]] == [third, second]
    assert listed(api, f"limit=2&cursor={page['next_cursor']}") == [first]


def test_list_by_state(api: ApiClient, core: Core) -> None:
    done, waiting = made(api), made(api)
    core.services.job_runs.run(done)

    assert (listed(api, "state=done"), listed(api, "state=queued")) == ([done], [waiting])


def test_key_sees_its_own_and_one_with_manage_sees_all(api: ApiClient, make_api: MakeApi) -> None:
    program, other = make_api("send", "read"), make_api("send", "read")
    job = made(program)

    assert (listed(program), listed(other), listed(api)) == ([job], [], [job])
    problem_of(other.get(f"{JOBS}/{job}"), 404, "not_found")
    problem_of(other.post(f"{JOBS}/{job}/cancel"), 404, "not_found")
    assert api.get(f"{JOBS}/{job}").status_code == 200


def test_job_can_be_cancelled_once(api: ApiClient) -> None:
    post(api)
    job = made(api)

    answer = api.post(f"{JOBS}/{job}/cancel")

    assert (answer.status_code, answer.get_json()["state"]) == (200, "cancelled")
    problem_of(api.post(f"{JOBS}/{job}/cancel"), 409, "wrong_state")


def test_key_that_can_only_send_is_told_that_it_cannot_follow_its_job(make_api: MakeApi) -> None:
    program = make_api("send")
    job = made(program)

    refused = problem_of(program.get(f"{JOBS}/{job}"), 403, "forbidden")

    assert "'read'" in refused["detail"]
    assert "can make a job and cancel it, but not look at it" in refused["detail"]
    assert program.post(f"{JOBS}/{job}/cancel").status_code == 200
