"""The unmodified treeherder-client package against a gateway: posts with the client's own classes
what its version can post, and reads everything back with every method it has.

    client.py SERVER_URL CLIENT_ID SECRET PROJECT STATE

STATE is a JSON file that hands what was posted from one version of the client to the next: 4.0 can
post jobs and no pushes, 5.0 can only read. Exits 0 only if everything was as it must be; the last line
says what was done.
"""

import json
import os
import sys
import time
import uuid

import thclient
from thclient import TreeherderClient
from thclient.client import __version__ as VERSION
from thclient.perfherder import PerfherderClient

JOBS_OF_ONE_CLIENT = 3
# More than the largest page of the client, so that it has to page.
EVERYTHING = None


class Mismatch(Exception):
    """Something was not read back as it was posted."""


def expect(what, given, expected):
    if given != expected:
        raise Mismatch("%s: expected %r, got %r" % (what, expected, given))


def new_revision():
    return uuid.uuid4().hex + "00000000"


# --- posting -----------------------------------------------------------------------------------
def can_post(kind):
    return hasattr(thclient, kind)


def post_push(client, project):
    revision = new_revision()
    collection = thclient.TreeherderResultSetCollection()
    push = collection.get_resultset()
    push.add_push_timestamp(int(time.time()))
    push.add_revision(revision)
    push.add_author("ada@example.org")
    push.add_type("push")
    commits = []
    for node, comment in ((new_revision(), "Bug 1 - first"), (revision, "Bug 2 - caf\u00e9 \U0001f41e")):
        commit = push.get_revision()
        commit.add_revision(node)
        commit.add_author("Ada <ada@example.org>")
        commit.add_comment(comment)
        commit.add_repository(project)
        commits.append(commit)
    push.add_revisions(commits)
    collection.add(push)
    answer = client.post_collection(project, collection)
    expect("answer to a push", answer.status_code, 200)
    return {"revision": revision, "commits": [c.data["revision"] for c in commits]}


def build_job(collection, project, revision, number):
    now = int(time.time())
    # One that ends as superseded has to be there before the one that supersedes it.
    guid = str(uuid.uuid4()) + "/%d" % number
    job = collection.get_job()
    job.add_project(project)
    job.add_revision(revision)
    job.add_job_guid(guid)
    job.add_job_name("Mochitest Browser Chrome")
    job.add_job_symbol("bc%d" % number)
    job.add_group_name("Mochitest")
    job.add_group_symbol("M")
    job.add_description("posted by a client")
    job.add_product_name("firefox")
    job.add_state("completed")
    job.add_result("success")
    job.add_reason("scheduler")
    job.add_who("ada@example.org")
    job.add_submit_timestamp(now - 60)
    job.add_start_timestamp(now - 50)
    job.add_end_timestamp(now)
    job.add_machine("bld-linux64-%d" % number)
    job.add_build_info("linux", "linux64", "x86_64")
    job.add_machine_info("linux", "linux64-test", "x86_64")
    job.add_option_collection({"debug": True, "asan": True})
    job.add_tier(2)
    job.add_log_reference("custom_log", "https://logs.example.org/%s/custom.txt" % guid, "parsed")
    job.add_log_reference("buildbot_text", "https://logs.example.org/%s/full.txt.gz" % guid)
    job.add_artifact("Job Info", "json", {"job_details": [
        {"title": "Inspect", "value": "task", "content_type": "link", "url": "https://tasks.example.org/1"},
        {"title": "retries", "value": "0", "content_type": "text"},
    ]})
    expected = {
        "job_guid": guid, "state": "completed", "result": "success", "reason": "scheduler",
        "who": "ada@example.org", "tier": 2, "job_type_name": "Mochitest Browser Chrome",
        "job_type_symbol": "bc%d" % number, "job_group_name": "Mochitest", "job_group_symbol": "M",
        "machine_name": "bld-linux64-%d" % number, "build_os": "linux", "build_platform": "linux64",
        "build_architecture": "x86_64", "machine_platform_os": "linux", "platform": "linux64-test",
        "machine_platform_architecture": "x86_64", "submit_timestamp": now - 60,
        "start_timestamp": now - 50, "end_timestamp": now, "failure_classification_id": 1,
        "option_collection_hash": "5475e096dbdfed812f04c47ffc593eed29b7c112",
    }
    return job, expected


def post_jobs(client, project, revision):
    collection = thclient.TreeherderJobCollection()
    pending_guid = str(uuid.uuid4()) + "/9"
    pending = collection.get_job()
    pending.add_project(project)
    pending.add_revision(revision)
    pending.add_job_guid(pending_guid)
    pending.add_state("pending")
    collection.add(pending)
    expected = []
    for number in range(1, JOBS_OF_ONE_CLIENT + 1):
        job, fields = build_job(collection, project, revision, number)
        if number == 1:
            job.add_coalesced_guid([pending_guid])
        collection.add(job)
        expected.append(fields)
    # Two requests: each chunk of the collection is one.
    for chunk in collection.get_chunks(2):
        answer = client.post_collection(project, chunk)
        expect("answer to jobs", answer.status_code, 200)
        expect("message", answer.json()["message"], "Job successfully updated")
    expected.append({"job_guid": pending_guid, "state": "completed", "result": "superseded",
                     "job_type_name": "unknown", "platform": "", "tier": 1})
    return expected


def post_artifacts(client, project, guid):
    collection = thclient.TreeherderArtifactCollection()
    artifact = collection.get_artifact()
    artifact.add_name("coverage")
    artifact.add_type("json")
    artifact.add_blob(json.dumps({"lines": 17}))
    artifact.add_job_guid(guid)
    collection.add(artifact)
    answer = client.post_collection(project, collection)
    expect("answer to artifacts", answer.status_code, 200)


# --- reading -----------------------------------------------------------------------------------
def read_jobs(client, project, jobs):
    """Every job by its guid, then all together, paged by the client itself."""
    ids = {}
    for expected in jobs:
        found = client.get_jobs(project, job_guid=expected["job_guid"])
        expect("jobs with one guid", len(found), 1)
        for name, value in expected.items():
            expect("%s of %s" % (name, expected["job_guid"]), found[0][name], value)
        ids[expected["job_guid"]] = found[0]["id"]
    everything = client.get_jobs(project, count=EVERYTHING)
    expect("all jobs", {job["job_guid"] for job in everything} >= set(ids), True)
    expect("a page", len(client.get_jobs(project, count=2, offset=1)), 2)
    return ids


def read_logs(client, project, ids, jobs):
    for expected in jobs:
        if "machine_name" not in expected:
            continue
        logs = client.get_job_log_url(project, job_id=ids[expected["job_guid"]])
        named = {log["name"]: log["parse_status"] for log in logs}
        expect("logs", sorted(named), ["buildbot_text", "custom_log"])
        expect("status of the parsed log", named["custom_log"], "parsed")
    both = client.get_job_log_url(project, job_id=[ids[job["job_guid"]] for job in jobs[:2]])
    expect("logs of two jobs", len({log["job_id"] for log in both}), 2)


def read_details(client, jobs):
    for expected in jobs:
        if "machine_name" not in expected:
            continue
        details = client.get_job_details(job_guid=expected["job_guid"])
        expect("details", {(d["title"], d["value"], d["url"]) for d in details},
               {("Inspect", "task", "https://tasks.example.org/1"), ("retries", "0", None)})
    guid = jobs[0]["job_guid"]
    every_page = client.get_job_details(job_guid=guid, count=EVERYTHING)
    expect("details, paged", len(every_page), len(client.get_job_details(job_guid=guid)))


def read_pushes(read, project, pushes, takes_parameters):
    listed = read(project)
    expect("pushes listed", 0 < len(listed) <= 10, True)
    if not takes_parameters:
        return
    for push in pushes:
        found = read(project, revision=push["revision"])
        expect("pushes with the revision", [p["revision"] for p in found], [push["revision"]])
        expect("commits", sorted(c["revision"] for c in found[0]["revisions"]), sorted(push["commits"]))
        expect("revision_count", found[0]["revision_count"], 2)
    expect("all pushes", len(read(project, count=EVERYTHING)) >= len(pushes), True)


def names(rows):
    return {row["name"] for row in rows}


def read_reference_data(client, project):
    hashes = client.get_option_collection_hash()
    expect("options", {o["name"] for o in hashes["5475e096dbdfed812f04c47ffc593eed29b7c112"]},
           {"debug", "asan"})
    expect("repository", project in names(client.get_repositories()), True)
    expect("classification 1", [c["name"] for c in client.get_failure_classifications() if c["id"] == 1],
           ["not classified"])
    lists = (
        ("get_products", lambda rows: "firefox" in names(rows)),
        ("get_job_groups", lambda rows: ("M", "Mochitest") in {(r["symbol"], r["name"]) for r in rows}),
        ("get_job_types", lambda rows: ("bc1", "Mochitest Browser Chrome")
            in {(r["symbol"], r["name"]) for r in rows}),
        ("get_machines", lambda rows: "bld-linux64-1" in names(rows)),
        ("get_machine_platforms", lambda rows: ("linux", "linux64-test", "x86_64")
            in {(r["os_name"], r["platform"], r["architecture"]) for r in rows}),
        ("get_build_platforms", lambda rows: ("linux", "linux64", "x86_64")
            in {(r["os_name"], r["platform"], r["architecture"]) for r in rows}),
    )
    for method, holds in lists:
        if hasattr(client, method):
            expect(method, holds(getattr(client, method)()), True)


def read_artifacts(client, project, job_id, guid, has_coverage):
    artifacts = {a["name"]: a for a in client.get_artifacts(project, job_id=job_id)}
    if has_coverage:
        expect("artifact of %s" % guid, artifacts["coverage"]["blob"], {"lines": 17})


def read_performance(server, project):
    client = PerfherderClient(server_url=server)
    expect("signatures", dict(client.get_performance_signatures(project)), {})
    expect("series", client.get_performance_data(project), {})


def every_reader(client):
    return {name for name in dir(client) if name.startswith("get_")}


def main(server, client_id, secret, project, state_file):
    state = {"pushes": [], "jobs": [], "with_artifact": []}
    if os.path.exists(state_file):
        with open(state_file) as file:
            state = json.load(file)
    client = TreeherderClient(server_url=server)
    if can_post("TreeherderJobCollection"):
        client = TreeherderClient(server_url=server, client_id=client_id, secret=secret)
    posted = []
    if can_post("TreeherderResultSetCollection"):
        state["pushes"].append(post_push(client, project))
        posted.append("push")
    if can_post("TreeherderJobCollection"):
        mine = post_jobs(client, project, state["pushes"][-1]["revision"])
        state["jobs"].extend(mine)
        posted.append("jobs")
        if can_post("TreeherderArtifactCollection"):
            post_artifacts(client, project, mine[0]["job_guid"])
            state["with_artifact"].append(mine[0]["job_guid"])
            posted.append("artifacts")

    ids = read_jobs(client, project, state["jobs"])
    read_logs(client, project, ids, state["jobs"])
    read_reference_data(client, project)
    if hasattr(client, "get_job_details"):
        read_details(client, state["jobs"])
    if hasattr(client, "get_pushes"):
        read_pushes(client.get_pushes, project, state["pushes"], True)
    if hasattr(client, "get_resultsets"):
        # In 4.0 it drops its parameters.
        read_pushes(client.get_resultsets, project, state["pushes"], not hasattr(client, "get_pushes"))
    if hasattr(client, "get_artifacts"):
        for guid in state["with_artifact"]:
            read_artifacts(client, project, ids[guid], guid, True)
    read_performance(server, project)

    known = {"get_jobs", "get_job_log_url", "get_option_collection_hash", "get_repositories",
             "get_failure_classifications", "get_products", "get_job_groups", "get_job_types",
             "get_machines", "get_machine_platforms", "get_build_platforms", "get_job_details",
             "get_pushes", "get_resultsets", "get_artifacts"}
    expect("methods that were not tried", every_reader(client) - known, set())
    with open(state_file, "w") as file:
        json.dump(state, file)
    print("treeherder-client %s: posted %s; read %d jobs and %d pushes back with %d methods" % (
        VERSION, ", ".join(posted) or "nothing", len(state["jobs"]), len(state["pushes"]),
        len(every_reader(client))))


if __name__ == "__main__":
    main(*sys.argv[1:])
