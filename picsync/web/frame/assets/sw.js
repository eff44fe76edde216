/* The service worker of one frame: the page opens and shows photos while the server or the network is down.
   Browsers run it only on https:// and on localhost. Its pictures are bounded: the newest PHOTOS of them, and
   at most BYTES. ES5. */
(function () {
  "use strict";
  var PHOTOS = 500, BYTES = 500 * 1024 * 1024, EVERY = 20, PATIENCE = 5000;
  var base = self.location.pathname.replace(/\/sw\.js$/, ""), above = base.replace(/[^\/]*$/, "");
  var PAGE = "picsync page " + base, PICTURES = "picsync pictures " + base;
  var stored = 0;

  self.addEventListener("install", function () { self.skipWaiting(); });
  self.addEventListener("activate", function (event) { event.waitUntil(self.clients.claim()); });

  // A page says where it was opened, since its first visit was before there was a service worker.
  self.addEventListener("message", function (event) {
    var page = event.data && event.data.page;
    if (typeof page === "string" && page.indexOf(self.location.origin + base) === 0) { event.waitUntil(keepPage(page)); }
  });

  function keepPage(page) {
    return caches.open(PAGE).then(function (cache) {
      return cache.match(self.location.origin + base).then(function (response) {
        return response || fetch(page, { credentials: "same-origin" }).then(function (answer) {
          return answer.ok ? answer.clone().text().then(function (text) {
            var files = [], pattern = /(?:src|href)="([^"]*\/assets\/[^"]+)"/g, found;
            while ((found = pattern.exec(text))) { files.push(found[1]); }
            if (text.indexOf('id="stage"') < 0) { return undefined; }
            return cache.addAll(files).then(function () { return cache.put(self.location.origin + base, answer); });
          }) : undefined;
        });
      });
    })["catch"](function () { /* the server is gone: at the next visit */ });
  }

  // Access was withdrawn: nothing of the frame stays on this device.
  function forgetAll() {
    return Promise.all([caches["delete"](PAGE), caches["delete"](PICTURES)]);
  }

  // The newest answer of the server; while it gives none, the last one that was stored under `key`.
  function fresh(request, key, keep) {
    return caches.open(PAGE).then(function (cache) {
      var asked = fetch(request).then(function (response) {
        if (response.status === 401 || response.status === 403) { return forgetAll().then(function () { return response; }); }
        if (response.status >= 500) { throw new Error("the server fails"); }
        if (response.ok) { return keep(response.clone()).then(function (yes) {
          return yes ? cache.put(key, response.clone()) : undefined;
        }).then(function () { return response; }, function () { return response; }); }
        return response;
      });
      function kept() {
        return cache.match(key).then(function (response) { return response || asked; });
      }
      return new Promise(function (resolve, reject) {
        var timer = setTimeout(function () { kept().then(resolve, reject); }, PATIENCE);
        asked.then(resolve, function () { kept().then(resolve, reject); }).then(function () { clearTimeout(timer); });
      });
    });
  }

  function framePage(response) {
    return response.text().then(function (text) {
      if (text.indexOf('id="stage"') >= 0) { return true; }
      return text.indexOf('id="code"') >= 0 ? forgetAll().then(function () { return false; }) : false;
    });
  }

  function anything() { return Promise.resolve(true); }

  // Files whose content never changes under their URL.
  function constant(request, name, done) {
    return caches.open(name).then(function (cache) {
      return cache.match(request.url).then(function (response) {
        return response || fetch(request.url, { credentials: "same-origin" }).then(function (answer) {
          if (answer.status !== 200) { return answer; }
          return cache.put(request.url, answer.clone()).then(done, function () {
            return trim(cache, PHOTOS / 2);  // the device is full
          }).then(function () { return answer; });
        });
      });
    });
  }

  function pictureStored() {
    stored++;
    if (stored % EVERY === 1) { return caches.open(PICTURES).then(function (cache) { return trim(cache, PHOTOS); }); }
    return undefined;
  }

  // Delete the oldest pictures beyond the limits; keys are in the order in which they were stored.
  function trim(cache, most) {
    return cache.keys().then(function (keys) {
      var bytes = 0, kept = 0, gone = [];
      return keys.reverse().reduce(function (before, key) {
        return before.then(function () { return cache.match(key); }).then(function (response) {
          if (!response) { return; }
          var length = Number(response.headers.get("Content-Length")) || 1024 * 1024;
          if (kept < most && bytes + length <= BYTES) { kept++; bytes += length; } else { gone.push(key); }
        });
      }, Promise.resolve()).then(function () {
        return Promise.all(gone.map(function (key) { return cache["delete"](key); }));
      });
    });
  }

  // Only the files of the newest page are kept.
  function tidyAssets(cache, url) {
    var folder = url.replace(/[^\/]*$/, "");
    return cache.keys().then(function (keys) {
      return Promise.all(keys.filter(function (key) {
        return key.url.indexOf(above + "assets/") >= 0 && key.url.indexOf(folder) !== 0;
      }).map(function (key) { return cache["delete"](key); }));
    });
  }

  self.addEventListener("fetch", function (event) {
    var request = event.request, url = new URL(request.url), path = url.pathname;
    if (request.method !== "GET" || url.origin !== self.location.origin) { return; }
    if (request.mode === "navigate") {
      if (path === base) { event.respondWith(fresh(request, url.origin + base, framePage)); }
    } else if (path === base + "/photos.json") {
      event.respondWith(fresh(request, url.origin + path, anything));
    } else if (path.indexOf(above + "assets/") === 0) {
      event.respondWith(constant(request, PAGE, function () {
        return /frame\.js$/.test(path) ? caches.open(PAGE).then(function (cache) { return tidyAssets(cache, request.url); }) : undefined;
      }));
    } else if (request.destination === "image" && path !== base + "/still") {
      event.respondWith(constant(request, PICTURES, pictureStored));
    }
  });
}());
