// A browser whose every complaint counts: errors and warnings on the console, violations of the content
// security policy, failed requests, and what axe finds in a page.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
/** Height in pixels of a page that is pictured whole; of a longer one, what is seen. */
const LONGEST_PICTURE = 6000;
/** What refuses a wrong token, and a proxy whose gateway is away; the gateway itself never says the latter. */
const EXPECTED = [401, 502];
const SERIOUS = ["serious", "critical"];

/** Opens a browser; `complaints` fills as pages complain. */
async function open(executable, base) {
  const browser = await chromium.launch({
    executablePath: executable,
    // The tests may run as root, where Chromium has no sandbox.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  const complaints = [];
  const context = async (options = {}) => {
    const made = await browser.newContext({ baseURL: base, timezoneId: "Europe/Berlin", viewport: SIZES.desktop, ...options });
    made.on("page", (page) => watch(page, complaints));
    return made;
  };
  return { browser, context, complaints };
}

function watch(page, complaints) {
  const where = () => page.url();
  page.on("console", (message) => {
    // A browser says aloud what the walk asks for: a wrong token, a page that is not there.
    const isExpected = EXPECTED.some((status) => message.text().includes(`status of ${status}`));
    const expected = isExpected || where().endsWith("/console/nothing");
    if (["error", "warning"].includes(message.type()) && !expected) complaints.push(`${where()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${where()}: ${error.message}`));
  page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
}

/** Throws if axe has serious findings in the page. */
async function checkAccessibility(page, name) {
  // The policy of the page lets no script of others in; the debugger is not bound by it.
  await page.evaluate(`${AXE}; undefined`);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((one) => SERIOUS.includes(one.impact));
  const text = serious.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.map((node) => node.html.slice(0, 160)).join("\n  ")}`);
  if (serious.length > 0) throw new Error(`axe finds in ${name}:\n${text.join("\n")}`);
}

/** Pictures of the page in both sizes and themes; checks each theme, and that nothing is wider than a phone. */
async function picture(page, name, folder) {
  await page.evaluate(() => document.fonts.ready);
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      if (size === "phone") {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) throw new Error(`${name} is ${wide} pixels wider than a phone`);
      }
      // Transitions of colours end first.
      await page.waitForTimeout(200);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      const file = path.join(folder, `${name}-${size}-${theme}.png`);
      await page.screenshot({ path: file, fullPage: height < LONGEST_PICTURE });
    }
    await checkAccessibility(page, `${name}, ${theme}`);
  }
  await page.setViewportSize(SIZES.desktop);
}

module.exports = { open, picture, checkAccessibility };
