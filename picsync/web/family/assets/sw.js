// The service worker keeps what another app shares until the page /send takes it. It caches nothing else.
"use strict";

const SHARED = "picsync-shared";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "POST" && url.origin === self.location.origin && url.pathname === "/send/shared") {
    event.respondWith(keep(event.request));
  }
});

async function keep(request) {
  try {
    const form = await request.formData();
    const cache = await caches.open(SHARED);
    const at = Date.now();
    let number = 0;
    for (const file of form.getAll("files")) {
      if (!(file instanceof File)) continue;
      number += 1;
      await cache.put(`/send/shared/${at}-${String(number).padStart(5, "0")}`, new Response(file, {
        headers: {
          "Content-Type": file.type || "application/octet-stream",
          "X-Name": encodeURIComponent(file.name || "photo"),
          "X-Modified": String(file.lastModified || at),
        },
      }));
    }
    return Response.redirect("/send?shared=1", 303);
  } catch (error) {
    // Such as no room on the phone.
    return Response.redirect("/send?shared=again", 303);
  }
}
