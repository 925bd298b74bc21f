"""Streams jobs to a gateway with stubs made from the protos alone, and reads them back.

Usage: client.py HOST:PORT TOKEN PROTOS MESSAGES

MESSAGES is a JSON list of Pulse job messages whose pushes are registered. Every other one is sent
as a protobuf message, the rest as JSON; one wrong item goes into the middle of the stream. Exits
with an error unless each has the right verdict and every good job reads back as it was sent.
"""

import copy
import json
import sys
from pathlib import Path

import grpc
from google.protobuf import json_format
from grpc_tools import protoc

HERE = Path.cwd()


def generate_stubs(protos):
    """Makes the Python modules in the current folder."""
    sources = [str(path) for path in sorted(Path(protos).rglob("*.proto"))]
    well_known = Path(protoc.__file__).parent / "_proto"
    status = protoc.main(
        ["protoc", f"-I{protos}", f"-I{well_known}", f"--python_out={HERE}", f"--grpc_python_out={HERE}"]
        + sources
    )
    assert status == 0, "protoc failed"
    sys.path.insert(0, str(HERE))


def as_message(pulse, job_pb2):
    """The job as a message: as in JSON, but for enums, labels and the form of the origin."""
    document = copy.deepcopy(pulse)
    for name, prefix in (("state", "JOB_STATE_"), ("result", "JOB_RESULT_"), ("jobKind", "JOB_KIND_")):
        if name in document:
            document[name] = prefix + document[name].upper()
    document["origin"] = {"current": document["origin"]}
    if "labels" in document:
        document["labels"] = {"names": document["labels"]}
    return json_format.ParseDict(document, job_pb2.Job())


def main(target, token, protos, messages):
    generate_stubs(protos)
    from herdgate.v1 import ingest_service_pb2 as ingest
    from herdgate.v1 import ingest_service_pb2_grpc, job_pb2, query_service_pb2, query_service_pb2_grpc
    from herdgate.v1.verdict_pb2 import OUTCOME_REJECTED, OUTCOME_STORED

    good = json.loads(Path(messages).read_text())
    middle = len(good) // 2
    wrong = dict(good[0], taskId="wrong/0", tier=9)
    sent = good[:middle] + [wrong] + good[middle:]

    def requests():
        for sequence, pulse in enumerate(sent, start=1):
            if sequence % 2 == 0:
                submission = ingest.JobSubmission(job=as_message(pulse, job_pb2))
            else:
                submission = ingest.JobSubmission(pulse_json=json.dumps(pulse).encode())
            yield ingest.SubmitJobsRequest(sequence=sequence, submission=submission)

    with grpc.insecure_channel(target) as channel:
        submitting = ingest_service_pb2_grpc.IngestServiceStub(channel)
        verdicts = {}
        metadata = [("authorization", f"Bearer {token}")]
        for response in submitting.SubmitJobs(requests(), metadata=metadata, timeout=60):
            for one in response.verdicts:
                assert one.sequence not in verdicts, f"two verdicts of {one.sequence}"
                verdicts[one.sequence] = one.verdict
        assert sorted(verdicts) == list(range(1, len(sent) + 1)), sorted(verdicts)

        querying = query_service_pb2_grpc.QueryServiceStub(channel)
        for sequence, pulse in enumerate(sent, start=1):
            verdict = verdicts[sequence]
            if pulse is wrong:
                assert verdict.outcome == OUTCOME_REJECTED, verdict
                assert [one.field_path for one in verdict.violations] == ["/tier"], verdict
                continue
            assert verdict.outcome == OUTCOME_STORED, (pulse, verdict)
            found = querying.GetJob(query_service_pb2.GetJobRequest(job_guid=pulse["taskId"]), timeout=60)
            job = found.job
            stored = (job.job_guid, job.state, job.project, job.revision, job.job_type.name)
            assert stored == (
                pulse["taskId"],
                pulse["state"],
                pulse["origin"]["project"],
                pulse["origin"]["revision"],
                pulse["display"]["jobName"],
            ), (pulse, job)
            assert len(found.details) == len(pulse.get("jobInfo", {}).get("links", [])), (pulse, found)
    print(f"{len(good)} jobs stored and read back, 1 rejected")


if __name__ == "__main__":
    main(*sys.argv[1:])
