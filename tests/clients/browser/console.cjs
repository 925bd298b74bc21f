// Walks through the console with a real browser. Told by its environment in JSON (CONSOLE_TEST):
//   gateway, other    addresses of a gateway, and perhaps of another on the same database
//   token             of an administrator
//   project           a repository
//   rejected          {guid, project, revision} of a job whose repository is not registered
//   corpus            [{guid, project, revision, name}] of real jobs that are stored
//   browser, pictures the program, and a folder for pictures
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const { open, picture } = require("./pages.cjs");
const samples = require("./samples.cjs");

const told = JSON.parse(process.env.CONSOLE_TEST);
const PUSH = "5a1f0c9e7d3b24681357ace02468bdf013579ace";
const LATE = "b7e23ec29af22b0b4e41da31e868d57226121c84";
const FULL = "3b9e1d77-2f60-4c5b-8a3e-d1c4f7b60a02/1";
const PARKED = "9a0b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d/0";
const UNREAD = "1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f/0";
const MANY = `many-${PUSH.slice(0, 8)}-`;

async function send(path, items, project = told.project) {
  const response = await fetch(`${told.gateway}/api/project/${project}/${path}/`, {
    method: "POST",
    headers: { authorization: `Bearer ${told.token}`, "content-type": "application/json" },
    body: JSON.stringify(items),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${path}: ${response.status} ${JSON.stringify(answer).slice(0, 400)}`);
  return answer.results;
}

const step = (text) => console.log(text);
const job = (guid) => `/console/job?guid=${encodeURIComponent(guid)}`;

async function read(page) {
  step("every page is looked at, in both themes and sizes");
  for (const [name, path] of [
    ["find-nothing", "/console/find"],
    ["find-guid", `/console/find?q=${FULL}`],
    ["find-name", "/console/find?q=mochitests-bc"],
    ["pushes", "/console/pushes"],
    ["pushes-of-project", `/console/pushes/${told.project}`],
    ["push", `/console/push/${told.project}/${PUSH}`],
    ["push-unknown", `/console/push/${told.project}/${LATE}`],
    ["job", job(FULL)],
    ["held", "/console/held"],
    ["work", "/console/work"],
    ["work-given-up", "/console/work?state=given_up"],
    ["exchanges", "/console/exchanges"],
    ["repositories", "/console/repositories"],
    ["credentials", "/console/credentials"],
    ["tiers", "/console/tiers"],
    ["sign-in", "/console/sign-in"],
  ]) {
    const response = await page.goto(path);
    assert.equal(response.status(), 200, path);
    assert.match(await page.title(), / · Herdgate$/);
    await picture(page, name, told.pictures);
  }
  const missing = await page.goto("/console/nothing");
  assert.equal(missing.status(), 404);
}

async function grouped(page) {
  step("a job stands in the row of the platform that it ran on");
  await page.goto(`/console/push/${told.project}/${PUSH}`);
  const row = page.locator("tr", { has: page.locator(`a.job[href="${job(FULL)}"]`) });
  assert.equal(await row.getByRole("rowheader").textContent(), `${samples.ELSEWHERE} opt`);
}

async function search(page) {
  step("a job is found by its guid, typed after pressing the slash");
  await page.goto("/console/");
  await page.keyboard.press("/");
  await page.keyboard.type(FULL);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "test-linux64/opt-unit-everything" }).click();
  await page.getByRole("heading", { level: 1, name: /opt-unit-everything/ }).waitFor();

  step("times are in the reader's zone, with UTC on hover");
  const received = page.locator("time").first();
  const [shown, hover, exact] = [await received.textContent(), await received.getAttribute("title"), await received.getAttribute("datetime")];
  const berlin = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Berlin", dateStyle: "short", timeStyle: "medium" });
  assert.equal(shown, berlin.format(new Date(exact)));
  assert.match(hover, / UTC$/);
}

async function realJobs(page) {
  if (told.corpus.length === 0) {
    step("skipped: no corpus is there; HERDGATE_CORPUS says where one is");
    return;
  }
  const pushes = new Map();
  for (const one of told.corpus) {
    const path = `/console/push/${one.project}/${one.revision}`;
    pushes.set(path, [...(pushes.get(path) ?? []), one]);
  }
  step(`${told.corpus.length} real jobs of ${pushes.size} pushes are shown, each in its push and by itself`);
  for (const [path, jobs] of pushes) {
    const response = await page.goto(path);
    assert.equal(response.status(), 200, path);
    assert.equal(await page.locator(".matrix a.job").count(), jobs.length, path);
    for (const { guid, name } of jobs) {
      const cell = await page.locator(`a.job[href="${job(guid)}"]`).getAttribute("aria-label");
      assert.ok(cell.includes(name), `${cell} is that of ${name}`);
    }
  }
  for (const { guid, name } of told.corpus) {
    await page.goto(`/console/find?q=${guid}`);
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
  }
  const [largest, jobs] = [...pushes].sort(([, one], [, other]) => other.length - one.length)[0];
  for (const [name, path] of [["real-push", largest], ["real-job", job(jobs[0].guid)], ["real-name", "/console/find?q=mochitest-a11y"]]) {
    await page.goto(path);
    await picture(page, name, told.pictures);
  }
}

async function hostile(page) {
  step("hostile HTML in Job Info is shown, and does nothing");
  await page.goto(job(FULL));
  const info = page.locator("table.info");
  assert.match(await info.textContent(), /granite.*report.*slab/s);
  assert.equal(await info.locator("script, img, style, iframe, form, svg, [style], [onclick], [onerror]").count(), 0);
  assert.equal(await info.locator('a[href^="javascript"]').count(), 0);
  assert.equal(await info.getByRole("link", { name: "report", exact: true }).count(), 1);
  for (const trap of await info.getByText("trap").all()) await trap.click();
  assert.equal(await page.evaluate(() => window.broken), undefined);
}

async function parked(page) {
  step("a parked job tells its story, and goes on when its push comes");
  await page.goto(`/console/find?q=${PARKED}`);
  await page.getByText("It waits for a push of").waitFor();
  await picture(page, "find-parked", told.pictures);
  const waiting = await page.context().newPage();
  await waiting.goto(`/console/push/${told.project}/${LATE}`);
  await waiting.getByText("is not known yet").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.bringToFront();
  await send("push", [samples.push(LATE, ["Lay the keystone"])]);
  // The page shows it by itself.
  await page.getByText("The push came.").waitFor({ timeout: 10_000 });
  await picture(page, "find-released", told.pictures);
  await waiting.close();
}

/** Completes one of the many jobs, all of which are linked to from a page of their push. */
async function complete(guid) {
  const sent = samples.manyJobs(told.project, PUSH).find((one) => one.job.job_guid === guid);
  Object.assign(sent.job, { state: "completed", result: "busted" });
  await send("jobs", [sent]);
}

const running = (page, guid) => page.locator(`a.job.running[href="${job(guid)}"]`);
const busted = (page, guid) => page.locator(`a.job.busted[href="${job(guid)}"]`);

async function live(page, other) {
  step(other ? "a job submitted to one gateway appears at the other within a second" : "a job that goes on is shown by itself");
  await page.goto(`${other ?? told.gateway}/console/push/${told.project}/${PUSH}`);
  await page.getByText("Live", { exact: true }).waitFor();
  const took = [];
  for (const number of [0, 11, 22, 33, 44]) {
    const guid = `${MANY}${number}`;
    await running(page, guid).waitFor();
    await complete(guid);
    const since = Date.now();
    await busted(page, guid).waitFor({ timeout: 15_000 });
    took.push(Date.now() - since);
  }
  step(`  after ${took.join(", ")} ms`);
  // Somebody else's load, or open transaction on the same database server, may hold one up, but not most.
  const median = took.sort((one, other) => one - other)[Math.floor(took.length / 2)];
  assert.ok(median < 1000, `${took} ms`);
}

/** Has a proxy say so many times that the gateway is away; gives what it said it to. */
async function away(page, address, kind, times) {
  const refused = [];
  await page.route(address, async (route) => {
    if (route.request().resourceType() !== kind || refused.length === times) return route.fallback();
    refused.push(route.request().url());
    return route.fulfill({ status: 502, contentType: "text/plain", body: "the gateway is away" });
  });
  return refused;
}

async function recovers(page) {
  const address = `${told.gateway}/console/push/${told.project}/${PUSH}`;
  const [whileAway, whileRefused, whileHidden] = [55, 66, 13].map((number) => `${MANY}${number}`);

  step("a page whose stream was refused comes again, and has missed nothing");
  const refused = await away(page, "**/console/events*", "eventsource", 2);
  await page.goto(address);
  await page.getByText("Reconnecting", { exact: true }).waitFor();
  await complete(whileAway);
  await busted(page, whileAway).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(refused.length, 2);
  await page.unrouteAll();

  step("a change that could not be read at first is read later");
  const unread = await away(page, address, "fetch", 2);
  await complete(whileRefused);
  await busted(page, whileRefused).waitFor();
  assert.equal(unread.length, 2);
  await page.unrouteAll();

  step("a page that nobody sees keeps no stream, and catches up when it is seen again");
  const show = (hidden) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  const isStream = (request) => request.url().includes("/console/events");
  const closed = page.waitForEvent("requestfailed", isStream);
  await show(true);
  await closed;
  await complete(whileHidden);
  const resumed = page.waitForRequest(isStream);
  await show(false);
  const first = new URL(await page.locator("main").getAttribute("data-events"), told.gateway);
  const again = new URL((await resumed).url());
  assert.notEqual(again.searchParams.get("cursor"), first.searchParams.get("cursor"));
  await busted(page, whileHidden).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
}

async function signIn(page) {
  step("a wrong token opens nothing, the right one a session");
  await page.goto("/console/sign-in");
  await page.getByLabel("Token").fill("hgt_wrong");
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await page.getByText("No working credential has this token").waitFor();
  await page.getByLabel("Token").fill(told.token);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await page.getByText("harness").waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  assert.equal(await page.evaluate(() => document.cookie), "");
}

async function replay(page) {
  const { guid, project, revision } = told.rejected;
  step("a rejected message is inspected, its reason mended, and replayed");
  await page.goto(`/console/held?state=rejected&guid=${encodeURIComponent(guid)}`);
  await page.locator("tbody a").first().click();
  await page.getByText("no repository has this name", { exact: false }).or(page.getByText("unknown_repository")).first().waitFor();
  await picture(page, "held-message", told.pictures);
  const message = page.url();
  await page.goto("/console/repositories");
  await page.locator("#form").getByLabel("Name").fill(project);
  await page.locator("#form").getByLabel("URL").fill(`https://hg.example.org/${project}`);
  await picture(page, "repositories-signed-in", told.pictures);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: project, exact: true }).waitFor();
  await page.goto(message);
  await page.getByRole("button", { name: "Replay" }).click();
  await page.locator(".verdict-parked").waitFor();
  await picture(page, "replayed", told.pictures);
  await send("push", [samples.push(revision, ["Register the repository first"])], project);
  await page.goto(`/console/find?q=${guid}`);
  await page.getByText("The push came.").waitFor({ timeout: 10_000 });
}

async function tryAgain(page) {
  step("a log that was given up is tried again");
  await page.goto(job(UNREAD));
  await page.getByText("could not be parsed").waitFor();
  await page.goto("/console/work?state=given_up");
  await page.locator("tr", { hasText: "/gone" }).getByRole("checkbox").check();
  await picture(page, "work-signed-in", told.pictures);
  await page.getByRole("button", { name: "Try ticked now" }).click();
  await page.getByText("1 piece of work").waitFor();
}

async function administer(page) {
  step("exchanges, credentials and tiers are changed by forms");
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto("/console/exchanges");
  await page.locator("#form").getByLabel("Exchange").fill("exchange/kiln/v1/jobs");
  await page.locator("#form").getByLabel("Projects").fill("try, autoland");
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByText("try, autoland").waitFor();
  await picture(page, "exchanges-signed-in", told.pictures);
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByText("draining").or(page.getByText("No exchange is registered")).first().waitFor();

  await page.goto("/console/tiers");
  await page.locator("#form").getByLabel("Signature").fill("0123456789abcdef0123456789abcdef01234567");
  await page.locator("#form").getByLabel("Tier").selectOption("3");
  await page.getByRole("button", { name: "Set" }).click();
  await page.locator("td.mono").waitFor();
  await picture(page, "tiers-signed-in", told.pictures);
  await page.getByRole("button", { name: /Clear/ }).click();
  await page.getByText("No override").waitFor();

  await page.goto("/console/credentials");
  await page.locator("#form").getByLabel("Client id").fill("kiln-ci");
  await page.locator("#form").getByLabel("Projects it may write").fill("try*");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText(/^hgt_/).waitFor();
  await page.goto("/console/credentials");
  await picture(page, "credentials-signed-in", told.pictures);
  await page.getByRole("button", { name: "Revoke kiln-ci" }).click();
  await page.locator("tr", { hasText: "kiln-ci" }).getByText("revoked").waitFor();

  await page.goto("/console/held");
  await picture(page, "held-signed-in", told.pictures);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
}

async function overview(page) {
  step("the overview has charts by now, and goes on by itself");
  await page.goto("/console/");
  await page.locator(".chart polyline").first().waitFor({ timeout: 30_000 });
  const samples = () => page.locator(".charts ~ .hint time").last().getAttribute("datetime");
  const before = await samples();
  await page.waitForFunction((known) => [...document.querySelectorAll("time")].at(-1).dateTime !== known, before, { timeout: 30_000 });
  await picture(page, "overview", told.pictures);
}

async function withoutScript(context) {
  step("without JavaScript everything can be read, in UTC");
  const page = await (await context({ javaScriptEnabled: false })).newPage();
  await page.goto(job(FULL));
  assert.match(await page.locator("time").first().textContent(), / UTC$/);
  assert.match(await page.locator("main").textContent(), /the keystone <is> missing/);
  await page.goto("/console/");
  await page.locator("#q").fill(FULL);
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("link", { name: "test-linux64/opt-unit-everything" }).waitFor();
}

async function log(page) {
  step("the text of a log is read here, with its error lines marked");
  await page.goto(job(FULL));
  await page.getByRole("link", { name: "Read live_backing_log" }).click();
  await page.locator("li.error").first().waitFor();
  assert.equal(await page.locator("li.error").count(), 30);
  assert.match(await page.locator("#line").textContent(), /^1100.*keystone <is> missing/);
  await picture(page, "log", told.pictures);
  await page.getByRole("link", { name: "Later" }).click();
  await page.getByText("line 2500 of the log", { exact: true }).waitFor();
  assert.equal(await page.locator("li.error").count(), 0);
}

async function keyboard(page) {
  step("the keyboard reaches the content, the theme is remembered");
  await page.goto(`/console/push/${told.project}/${PUSH}`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const toggle = page.getByRole("button", { name: /^Theme/ });
  await toggle.click();
  await toggle.click();
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await toggle.click();
}

/** A host of logs, whose text is that of the job that has everything; one is gone. */
function logHost() {
  const server = http.createServer((request, response) => {
    if (request.url === "/gone") response.statusCode = 404;
    response.setHeader("content-type", "text/plain");
    response.end(samples.LOG);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

async function main() {
  const host = await logHost();
  try {
    await walk(`http://127.0.0.1:${host.address().port}`);
  } finally {
    host.close();
    host.closeAllConnections();
  }
}

async function walk(logs) {
  await send("push", [samples.push(PUSH, ["Cut the first stone", "Polish it until the tests can see their faces"])]);
  const unread = { log_references: [{ name: "builds-4h", url: `${logs}/gone`, parse_status: "pending" }] };
  await send("jobs", [
    ...samples.manyJobs(told.project, PUSH),
    samples.fullJob(told.project, PUSH, FULL, logs),
    samples.job(told.project, PUSH, UNREAD, unread),
  ]);
  const [held] = await send("jobs", [samples.job(told.project, LATE, PARKED)]);
  assert.equal(held.verdict, "parked");

  const { browser, context, complaints } = await open(told.browser, told.gateway);
  try {
    const page = await (await context()).newPage();
    page.setDefaultTimeout(15_000);
    if (told.other) {
      await live(page, told.other);
    } else {
      await read(page);
      await grouped(page);
      await realJobs(page);
      await search(page);
      await hostile(page);
      await log(page);
      await keyboard(page);
      await parked(page);
      await live(page);
      await recovers(page);
      await signIn(page);
      await replay(page);
      await tryAgain(page);
      await administer(page);
      await overview(page);
      await withoutScript(context);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
  console.log("the console is as it should be");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
