"use strict";
// Renews the page in place, so that what is folded out, selected or in focus stays; without it, the page
// reloads. If picsync does not answer, the page says so rather than show an old answer as if it were new.
let since = null;
async function renew() {
  // Not while a token is typed.
  if (document.documentElement.dataset.refresh === "0") return;
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
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
    document.title = "No answer · picsync";
    // How long, and not since when: this clock and time zone may be others than those of the page.
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
