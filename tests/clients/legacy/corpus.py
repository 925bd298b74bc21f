"""Posts real jobs of the Buildbot era, and the real pushes beside them, through treeherder-client.

    corpus.py SERVER_URL CLIENT_ID SECRET PROJECT JOBS PUSHES SIZE

JOBS is a file of JSON lines, PUSHES a push collection, SIZE the number of jobs in one request. Prints
one JSON object: how many were sent.
"""

import json
import sys

from thclient import (TreeherderClient, TreeherderJobCollection, TreeherderResultSet,
                      TreeherderResultSetCollection)


def main(server, client_id, secret, project, jobs_file, pushes_file, size):
    client = TreeherderClient(server_url=server, client_id=client_id, secret=secret)
    with open(pushes_file) as file:
        pushes = json.load(file)
    collection = TreeherderResultSetCollection()
    for push in pushes:
        collection.add(TreeherderResultSet(push))
    client.post_collection(project, collection)
    jobs = TreeherderJobCollection()
    with open(jobs_file) as file:
        for line in file:
            jobs.add(jobs.get_job(json.loads(line)))
    sent = 0
    for chunk in jobs.get_chunks(int(size)):
        client.post_collection(project, chunk)
        sent += len(chunk.data)
    print(json.dumps({"jobs": sent, "pushes": len(pushes)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
