// Streams jobs to a gateway with stubs made from the protos alone, and reads them back.
//
// Usage: client.cjs HOST:PORT TOKEN PROTOS MESSAGES
//
// MESSAGES is a JSON list of Pulse job messages whose pushes are registered. Every other one is sent
// as a protobuf message, the rest as JSON; one wrong item goes into the middle of the stream. Exits
// with an error unless each has the right verdict and every good job reads back as it was sent.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const [target, token, protos, messages] = process.argv.slice(2);
const SERVICES = ['herdgate/v1/ingest_service.proto', 'herdgate/v1/query_service.proto'];
const OPTIONS = { includeDirs: [protos], enums: String, longs: String, oneofs: true, defaults: true };
const api = grpc.loadPackageDefinition(protoLoader.loadSync(SERVICES, OPTIONS)).herdgate.v1;
const deadline = () => ({ deadline: Date.now() + 60_000 });

function timestamp(text) {
  const milliseconds = Date.parse(text);
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1_000_000 };
}

// The job as a message: as in JSON, but for enums, labels, times and the form of the origin.
function asMessage(pulse) {
  const job = { ...pulse, origin: { current: pulse.origin } };
  for (const [name, prefix] of [['state', 'JOB_STATE_'], ['result', 'JOB_RESULT_'], ['jobKind', 'JOB_KIND_']]) {
    if (name in pulse) job[name] = prefix + pulse[name].toUpperCase();
  }
  for (const name of ['timeScheduled', 'timeStarted', 'timeCompleted']) {
    if (name in pulse) job[name] = timestamp(pulse[name]);
  }
  if ('labels' in pulse) job.labels = { names: pulse.labels };
  return job;
}

function submit(client, sent) {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    const verdicts = new Map();
    const stream = client.submitJobs(metadata, deadline());
    stream.on('data', (response) => {
      for (const { sequence, verdict } of response.verdicts) {
        assert(!verdicts.has(Number(sequence)), `two verdicts of ${sequence}`);
        verdicts.set(Number(sequence), verdict);
      }
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(verdicts));
    sent.forEach((pulse, index) => {
      const submission =
        index % 2 === 0 ? { job: asMessage(pulse) } : { pulseJson: Buffer.from(JSON.stringify(pulse)) };
      stream.write({ sequence: index + 1, submission });
    });
    stream.end();
  });
}

function getJob(client, guid) {
  return new Promise((resolve, reject) => {
    client.getJob({ jobGuid: guid }, deadline(), (error, found) => (error ? reject(error) : resolve(found)));
  });
}

async function main() {
  const good = JSON.parse(fs.readFileSync(messages, 'utf8'));
  const middle = Math.floor(good.length / 2);
  const wrong = { ...good[0], taskId: 'wrong/0', tier: 9 };
  const sent = [...good.slice(0, middle), wrong, ...good.slice(middle)];

  const ingest = new api.IngestService(target, grpc.credentials.createInsecure());
  const verdicts = await submit(ingest, sent);
  assert.equal(verdicts.size, sent.length, 'every submission has a verdict');

  const query = new api.QueryService(target, grpc.credentials.createInsecure());
  for (const [index, pulse] of sent.entries()) {
    const verdict = verdicts.get(index + 1);
    if (pulse === wrong) {
      assert.equal(verdict.outcome, 'OUTCOME_REJECTED');
      assert.deepEqual(verdict.violations.map((one) => one.fieldPath), ['/tier']);
      continue;
    }
    assert.equal(verdict.outcome, 'OUTCOME_STORED', JSON.stringify([pulse, verdict]));
    const { job, details } = await getJob(query, pulse.taskId);
    assert.deepEqual(
      [job.jobGuid, job.state, job.project, job.revision, job.jobType.name],
      [pulse.taskId, pulse.state, pulse.origin.project, pulse.origin.revision, pulse.display.jobName],
    );
    assert.equal(details.length, pulse.jobInfo?.links?.length ?? 0);
  }
  ingest.close();
  query.close();
  console.log(`${good.length} jobs stored and read back, 1 rejected`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
