// Keys, the phone's share sheet, and copying a link. Everything works without this script.
"use strict";
(() => {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
    const id = { ArrowLeft: "newer", ArrowRight: "older" }[event.key];
    const link = id && document.getElementById(id);
    if (link) link.click();
  });
  for (const button of document.querySelectorAll("button[data-link]")) {
    const link = button.dataset.link;
    if (!navigator.share && !navigator.clipboard) continue;
    button.hidden = false;
    if (!navigator.share) button.textContent = "Copy the link";
    button.addEventListener("click", async () => {
      try {
        if (navigator.share) {
          await navigator.share({ title: document.title, url: link });
        } else {
          await navigator.clipboard.writeText(link);
          button.textContent = "Copied";
        }
      } catch {
        // The person has closed the sheet, or the browser does not allow it: the link is there to be copied.
      }
    });
  }
})();
