// What the browser is shown: a push with jobs of many kinds, one of them with everything that a job can
// have, hostile HTML among it.
"use strict";

const PLATFORMS = [
  ["linux64", ["opt"]],
  ["linux64", ["debug"]],
  ["windows11-64", ["opt"]],
  ["osx-1500", ["opt"]],
  ["android-em-14-x86_64", ["debug"]],
];
const GROUPS = [
  ["?", "unknown", ["B", "Bpgo"]],
  ["M", "Mochitests", ["1", "2", "3", "10", "bc1", "bc2", "bc3"]],
  ["R", "Reftests", ["R1", "R2", "C"]],
  ["X", "xpcshell tests", ["X1", "X2", "X3"]],
];
const RESULTS = ["success", "success", "success", "testfailed", "success", "busted", "success", "exception", "retry", "usercancel"];

/** Everything that must not survive in the page, around a text that must. */
const HOSTILE = [
  "<b>granite</b>",
  "<script>window.broken = 1</script>",
  '<img src="https://evil.example/x.png" onerror="window.broken = 1">',
  '<a href="javascript:window.broken = 1">trap</a>',
  '<a href="https://ci.example/report">report</a>',
  "<style>body { display: none }</style>",
  '<p style="position: fixed; inset: 0" onclick="window.broken = 1">slab</p>',
  '<form action="/console/sign-out" method="post"><button>press</button></form>',
  '<iframe src="https://evil.example/"></iframe> <svg onload="window.broken = 1"></svg> dust',
];

/** Where one of the jobs runs that is built for another platform. */
const ELSEWHERE = "linux2404-64";

const NOW = Math.floor(Date.now() / 1000);

function push(revision, comments) {
  const author = "Ines Flint <ines@quarry.example>";
  const commit = (comment, index) => ({
    revision: index === comments.length - 1 ? revision : `${10 + index}c0ffee${revision.slice(8)}`,
    author,
    comment,
  });
  return { revision, push_timestamp: NOW - 1800, author: "ines@quarry.example", revisions: comments.map(commit) };
}

function job(project, revision, guid, more = {}) {
  const platform = { os_name: "linux", platform: "linux64", architecture: "x86_64" };
  return {
    project,
    revision,
    job: {
      job_guid: guid,
      name: "test-linux64/opt-mochitest-1",
      job_symbol: "1",
      group_symbol: "M",
      group_name: "Mochitests",
      product_name: "quarry",
      state: "completed",
      result: "success",
      reason: "scheduled",
      who: "ines@quarry.example",
      submit_timestamp: NOW - 1700,
      start_timestamp: NOW - 1600,
      end_timestamp: NOW - 900,
      machine: "mill-17",
      build_platform: platform,
      machine_platform: platform,
      option_collection: { opt: true },
      ...more,
    },
  };
}

/** Jobs on every platform, in every group, of every result. */
function manyJobs(project, revision) {
  const jobs = [];
  for (const [platform, options] of PLATFORMS) {
    for (const [symbol, name, types] of GROUPS) {
      for (const type of types) {
        const number = jobs.length;
        const result = RESULTS[(number * 7) % RESULTS.length];
        const open = number % 11 === 0 ? { state: "running", result: "unknown" } : number % 13 === 0 ? { state: "pending", result: "unknown" } : { result };
        jobs.push(
          job(project, revision, `many-${revision.slice(0, 8)}-${number}`, {
            name: `test-${platform}/${options[0]}-${name.split(" ")[0].toLowerCase()}-${type}`,
            job_symbol: type,
            group_symbol: symbol,
            group_name: name,
            build_platform: { os_name: "any", platform, architecture: "x86_64" },
            machine_platform: { os_name: "any", platform, architecture: "x86_64" },
            option_collection: Object.fromEntries(options.map((option) => [option, true])),
            ...open,
          }),
        );
      }
    }
  }
  return jobs;
}

const FIRST_ERROR = 1100;
const ERRORS = 30;

const errorLine = (index) =>
  `TEST-UNEXPECTED-FAIL | unit/test_arch_${index}.js | the keystone <is> missing after ${index} tries, and a long line goes on and on`;

/** The text of its log. */
const LOG = Array.from({ length: 3000 }, (_, number) => {
  const error = number - FIRST_ERROR;
  return error >= 0 && error < ERRORS ? errorLine(error) : `line ${number} of the log`;
}).join("\n");

/** The job that has everything; its logs are below this address. */
function fullJob(project, revision, guid, logs) {
  const step = (order, name, result, errors) => ({
    order,
    name,
    result,
    started: "2026-09-21T14:14:00Z",
    finished: "2026-09-21T14:19:25Z",
    started_linenumber: order * 1000,
    finished_linenumber: order * 1000 + 999,
    errors,
  });
  const lines = Array.from({ length: ERRORS }, (_, index) => ({
    linenumber: FIRST_ERROR + index,
    line: errorLine(index),
  }));
  const details = [
    { title: "stone", value: "granite", content_type: "text" },
    { title: "artifact uploaded", value: "report.html", url: "https://ci.example/report.html", content_type: "link" },
    { title: "trap", value: "press here", url: "javascript:window.broken=1", content_type: "link" },
    { title: "summary", value: "<b>12</b> of <i>13</i><script>window.broken = 1</script>", content_type: "raw_html" },
    ...HOSTILE.map((value, index) => ({ title: `hostile ${index}`, value, content_type: "raw_html" })),
  ];
  return job(project, revision, guid, {
    name: "test-linux64/opt-unit-everything",
    job_symbol: "ut",
    group_symbol: "U",
    group_name: "Unit tests",
    result: "testfailed",
    machine_platform: { os_name: "linux", platform: ELSEWHERE, architecture: "x86_64" },
    desc: "Everything that a job can have",
    log_references: [
      { name: "live_backing_log", url: `${logs}/live.log`, parse_status: "parsed" },
      { name: "errorsummary_json", url: `${logs}/errors.json`, parse_status: "parsed" },
    ],
    artifacts: [
      { name: "Job Info", type: "json", blob: JSON.stringify({ job_details: details }) },
      {
        name: "text_log_summary",
        type: "json",
        blob: JSON.stringify({
          logurl: `${logs}/live.log`,
          logname: "live_backing_log",
          step_data: { steps: [step(0, "set up", "success", []), step(1, "run the tests", "testfailed", lines)] },
        }),
      },
      { name: "stone-dust", type: "json", blob: JSON.stringify({ grains: [1, 2, 3], "<b>": "not bold" }) },
    ],
  });
}

module.exports = { ELSEWHERE, LOG, push, job, manyJobs, fullJob };
