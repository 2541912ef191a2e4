import json

import pytest

from trainers import cluster

TWO = {"worker": ["a:1", "b:2"]}


def config(the_cluster, job="worker", index=0) -> dict[str, str]:
    return {
        "TF_CONFIG": json.dumps({"cluster": the_cluster, "task": {"type": job, "index": index}})
    }


def test_workers_are_numbered_in_order():
    assert cluster.from_environment(config(TWO, index=1)) == cluster.Cluster(("a:1", "b:2"), 1)


def test_a_chief_comes_first():
    with_chief = {**TWO, "chief": ["[::1]:3"]}

    assert cluster.from_environment(config(with_chief, "chief")).number == 0
    found = cluster.from_environment(config(with_chief, "worker", 1))
    assert found == cluster.Cluster(("[::1]:3", "a:1", "b:2"), 2)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "TF_CONFIG is not set: every process of --strategy=multiworker needs one"),
        ({"TF_CONFIG": ""}, "is not set"),
        ({"TF_CONFIG": "{'cluster': 1}"}, "is not JSON"),
        ({"TF_CONFIG": "[]"}, "needs 'cluster' and 'task'"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, "needs 'cluster' and 'task'"),
        (config({"worker": ["a:1"], "ps": ["b:2"]}), "names a job 'ps': known: chief, worker"),
        (config({"worker": "a:1"}), r"wrong cluster.worker: must be a list of host:port"),
        (config({"worker": ["a"]}), r"must be a list of host:port, got \['a'\]"),
        (config({"worker": ["a:99999"]}), r"must be a list of host:port"),
        (config({"worker": [7]}), r"must be a list of host:port"),
        (config({**TWO, "chief": ["c:1", "d:1"]}), "several chiefs"),
        (config(TWO, index=2), r"wrong task: \{.*'index': 2\} is not in"),
        (config(TWO, index="0"), "has a wrong task"),
        (config(TWO, index=True), "has a wrong task"),
        (config(TWO, "evaluator"), "has a wrong task"),
        (config({"worker": ["a:1", "a:1"]}), "an address twice"),
    ],
)
def test_what_is_wrong_is_said_with_an_example(environment, message):
    with pytest.raises(ValueError, match=message) as raised:
        cluster.from_environment(environment)

    example = str(raised.value).partition("An example: TF_CONFIG='")[2].removesuffix("'.")
    assert cluster.from_environment({"TF_CONFIG": example}).addresses == (
        *("host1:12345", "host2:12345"),
    )
