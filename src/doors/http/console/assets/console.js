// What the pages can do beyond being read: times in the reader's zone, live parts, a theme, a few keys.
// Everything here is an addition; without it the pages are complete.
"use strict";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Shows times in the reader's zone; hovering shows UTC. */
function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(element.dateTime);
    const two = (number) => String(number).padStart(2, "0");
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    element.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    element.dataset.local = "";
  }
  const note = document.querySelector("[data-zone]");
  if (note) note.textContent = `Times in ${zone}; hover for UTC`;
}

/** Light, dark, or what the system says: one button goes round. */
function offerThemes() {
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  const root = document.documentElement;
  const names = { "": "Auto", light: "Light", dark: "Dark" };
  const show = () => {
    const theme = root.dataset.theme ?? "";
    button.textContent = names[theme];
    button.setAttribute("aria-label", `Theme: ${names[theme]}`);
  };
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    const order = ["", "light", "dark"];
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try {
      if (next) localStorage.setItem("herdgate-theme", next);
      else localStorage.removeItem("herdgate-theme");
    } catch {
      // It lasts until the next page then.
    }
    show();
  });
}

/** Milliseconds between two looks at what the server says. */
const CALM = 300;
/** Milliseconds until a second attempt at what failed, and between later attempts at most. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 30_000;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** How long to wait after so many failures: ever longer, and not all pages at one time. */
function patience(failures) {
  return Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

/** Replaces what differs in the live parts by what the server says now. False: it is to be asked again. */
async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.status === 429 || response.status >= 500) return false;
  // Not to be had any more: what is shown stays.
  if (!response.ok) return true;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (!now) continue;
    localise(now);
    if (now.innerHTML === part.innerHTML) continue;
    // Nobody's place is lost: opened details stay open, and where the focus was it is again.
    const opened = [...part.querySelectorAll("details")].map((one) => one.open);
    const focused = document.activeElement?.closest("[data-live]") === part ? document.activeElement : null;
    const href = focused?.getAttribute("href");
    part.replaceChildren(...now.childNodes);
    const details = part.querySelectorAll("details");
    if (details.length === opened.length) details.forEach((one, index) => (one.open = opened[index]));
    if (href) part.querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  }
  return true;
}

/** Looks at what the server says when asked to, until it was seen; not while nobody sees the page. */
function looker() {
  let asked = false;
  let busy = false;
  return async () => {
    asked = true;
    if (busy) return;
    busy = true;
    let failures = 0;
    while (asked && !document.hidden) {
      asked = false;
      const seen = await refresh().catch(() => false);
      failures = seen ? 0 : failures + 1;
      asked ||= !seen;
      await pause(seen ? CALM : patience(failures));
    }
    busy = false;
  };
}

/**
 * Listens for changes while the page is seen: browsers have but six connections for all tabs of a host. A
 * stream that broke or was closed goes on behind the last event that was heard, so that nothing is missed.
 */
function listen() {
  const address = document.querySelector("main")?.dataset.events;
  const state = document.querySelector("[data-live-state]");
  if (!address || !window.EventSource) return;
  const look = looker();
  const next = new URL(address, location.href);
  let source = null;
  let failures = 0;
  let retry = 0;
  const tell = (live) => {
    state.textContent = live ? "Live" : "Reconnecting";
    state.classList.toggle("on", live);
  };
  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    const opened = new EventSource(next);
    source = opened;
    opened.addEventListener("open", () => {
      failures = 0;
      tell(true);
    });
    opened.addEventListener("error", () => {
      tell(false);
      // After a connection that broke the browser comes again by itself, after a refusal it does not.
      if (opened !== source || opened.readyState !== EventSource.CLOSED) return;
      failures += 1;
      retry = setTimeout(open, patience(failures));
    });
    for (const kind of ["ready", "moved", "jobs", "tick", "stale"]) {
      opened.addEventListener(kind, (event) => {
        next.searchParams.set("cursor", event.lastEventId);
        if (kind !== "ready" && kind !== "moved") look();
      });
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
      return;
    }
    open();
    look();
  });
  window.addEventListener("pagehide", close);
  // A page that comes back as it was left has missed what happened since.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (!document.hidden) open();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("q")?.focus();
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

localise(document);
offerThemes();
listen();
