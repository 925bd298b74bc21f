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

/** Replaces what differs in the live parts by what the server says now. */
async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  // Somewhere else now, as a parked job that was stored, or not to be had: what is shown stays.
  if (!response.ok) return;
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
}

/** Listens for changes. The browser reconnects by itself, with the cursor of the last event. */
function listen() {
  const address = document.querySelector("main")?.dataset.events;
  const state = document.querySelector("[data-live-state]");
  if (!address || !window.EventSource) return;
  let asked = false;
  let busy = false;
  const look = async () => {
    asked = true;
    if (busy || document.hidden) return;
    busy = true;
    while (asked) {
      asked = false;
      await refresh().catch(() => {});
      await new Promise((done) => setTimeout(done, 300));
    }
    busy = false;
  };
  const tell = (live) => {
    state.textContent = live ? "Live" : "Reconnecting";
    state.classList.toggle("on", live);
  };
  const source = new EventSource(address);
  source.addEventListener("open", () => tell(true));
  source.addEventListener("error", () => tell(false));
  for (const kind of ["jobs", "tick", "stale"]) source.addEventListener(kind, look);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && asked) look();
  });
  window.addEventListener("pagehide", () => source.close());
  // A page that comes back as it was left has missed what happened since.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
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
