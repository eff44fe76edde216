"use strict";
// Refreshes the page in place, so that open details, selections and the focus are kept; without it, the page
// reloads. If picsync does not respond, the page says so instead of showing old data as current.
let since = null;
async function renew() {
  // Not while a token is being typed.
  if (document.documentElement.dataset.refresh === "0") return;
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error(response.status);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const focused = document.activeElement && document.activeElement.id;
    for (const open of document.querySelectorAll("details[open]")) {
      const same = fresh.getElementById(open.id);
      if (same) same.open = true;
    }
    document.title = fresh.title;
    document.querySelector("link[rel=icon]").href = fresh.querySelector("link[rel=icon]").href;
    document.documentElement.dataset.refresh = fresh.documentElement.dataset.refresh;
    document.getElementById("page").replaceWith(fresh.getElementById("page"));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    since = null;
  } catch {
    since ??= Date.now();
    document.title = "No response · picsync";
    // A duration instead of a time: the browser may have another clock and time zone than the page.
    const minutes = Math.floor((Date.now() - since) / 60000);
    document.getElementById("lost-for").textContent = minutes < 1 ? "less than a minute" : `${minutes} min`;
  }
  document.getElementById("lost").hidden = since === null;
}
function later() {
  const seconds = Number(document.documentElement.dataset.refresh);
  if (seconds) setTimeout(() => renew().finally(later), seconds * 1000);
}
document.addEventListener("visibilitychange", renew);
later();
