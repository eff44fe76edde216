/* The frame in the browser: what logic.js decides is drawn here, and fetched from the server. ES5; anything newer
   than the Chrome 30 of Android 4.4 is used only where it is found. */
(function () {
  "use strict";
  var SECOND = 1000, MINUTE = 60 * SECOND;
  var PICTURE_PATIENCE = 45 * SECOND;
  var REQUEST_PATIENCE = 20 * SECOND;
  var SILENCE = 80 * SECOND;         // without a ping, after the first: the stream is dead
  var UNDO = 7 * SECOND;
  var CHOICE = 15 * SECOND;          // time to say which photo of a pair
  var TINY = 48;                     // pixels of the copy that becomes the background
  var NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
  var MOST_MOTION = 90 * SECOND;     // slower movements are not smooth

  var logic = window.picsyncLogic, doc = document, root = doc.documentElement, body = doc.body;
  var settings = JSON.parse(byId("settings").textContent);
  var words = window.picsyncWords(settings.language);
  var stage = byId("stage"), bar = byId("bar"), info = byId("info"), toast = byId("toast");
  var base = settings.base, slide = null, revision = null, awakeUntil = 0;
  var offlineSince = 0, rejected = {}, undoing = null, wakeLock = null;
  var TRANSFORM = style("transform", "webkitTransform"), TRANSITION = style("transition", "webkitTransition");

  var defaults = {
    interval: 30, transition: "fade", transitionTime: 1.6, motion: "auto", background: "blur", fit: "auto", pairs: true, clock: true,
    date: true, caption: true, progress: false, night: "", order: "random", language: "", timeFormat: "auto", poll: 30, ignored: []
  };
  Object.keys(defaults).forEach(function (name) {
    if (settings[name] === undefined || settings[name] === null) { settings[name] = defaults[name]; }
  });
  settings.interval = Math.max(1, Number(settings.interval) || defaults.interval);

  function byId(id) { return doc.getElementById(id); }

  function style(plain, prefixed) { return plain in doc.createElement("i").style ? plain : prefixed; }

  function element(name, className) {
    var made = doc.createElement(name);
    if (className) { made.className = className; }
    return made;
  }

  function mark(name, on) { body.classList[on ? "add" : "remove"](name); }

  function marked(name) { return body.classList.contains(name); }

  function now() { return Date.now(); }

  function later(ms, f) { return window.setTimeout(f, ms); }

  function stored(name, value) {
    // Browsers refuse storage in private windows and in frames of other sites.
    try {
      if (value === undefined) { return window.localStorage.getItem("picsync " + base + " " + name); }
      window.localStorage.setItem("picsync " + base + " " + name, value);
    } catch (error) { /* then nothing is remembered */ }
    return null;
  }

  function parsed(text) {
    try { return JSON.parse(text); } catch (error) { return null; }
  }

  function media(query) { return !!window.matchMedia && window.matchMedia(query).matches; }

  function still() { return media("(prefers-reduced-motion: reduce)"); }

  // ---- Pictures ----

  function load(photo, done) {
    var image = new Image(), over = false, timer = later(PICTURE_PATIENCE, function () { finish(false); });
    function finish(good) {
      if (over) { return; }
      over = true;
      window.clearTimeout(timer);
      image.onload = image.onerror = null;
      if (!good) {
        image.src = NOTHING;  // ends a download that takes too long
        return done(null);
      }
      done(picture(image));
    }
    image.onload = function () {
      if (!image.naturalWidth) { return finish(false); }
      // Decoded in advance, the picture does not hold up the transition. A browser may refuse that while it is hidden.
      if (image.decode && !doc.hidden) {
        image.decode().then(function () { finish(true); }, function () { finish(image.complete && image.naturalWidth > 0); });
      } else {
        finish(true);
      }
    };
    image.onerror = function () { finish(false); };
    image.alt = "";
    image.src = authorized(photo.url);
  }

  // The picture with a tiny copy, of which the background and the brightness behind the text are made.
  function picture(image) {
    var made = { image: image, width: image.naturalWidth, height: image.naturalHeight, tiny: null };
    try {
      var canvas = element("canvas"), context = canvas.getContext("2d");
      canvas.width = canvas.height = TINY;
      if ("imageSmoothingQuality" in context) { context.imageSmoothingQuality = "medium"; }
      context.drawImage(image, 0, 0, TINY, TINY);
      made.tiny = context.getImageData(0, 0, TINY, TINY);
      canvas.width = canvas.height = 0;
    } catch (error) { /* no canvas: the background stays black, the shade dark */ }
    return made;
  }

  function release(group) {
    group.forEach(function (item) {
      var picture = item.picture;
      if (!picture) { return; }
      // Its source stays: an image without one gets its description as content, which Chromium does not free.
      if (picture.image.parentNode) { picture.image.parentNode.removeChild(picture.image); }
      item.picture = null;
    });
  }

  // One pass of a box blur along rows or columns of a TINY x TINY picture of 3 channels.
  function blurred(pixels, radius, along, across) {
    var out = new Array(pixels.length), line, i, c, sum, k, at;
    for (line = 0; line < TINY; line++) {
      for (c = 0; c < 3; c++) {
        at = line * across + c;
        sum = 0;
        for (k = -radius; k <= radius; k++) { sum += pixels[at + Math.min(TINY - 1, Math.max(0, k)) * along]; }
        for (i = 0; i < TINY; i++) {
          out[at + i * along] = sum / (2 * radius + 1);
          sum += pixels[at + Math.min(TINY - 1, i + radius + 1) * along] - pixels[at + Math.max(0, i - radius) * along];
        }
      }
    }
    return out;
  }

  function backdrop(group) {
    var pixels = [], x, y, c, sources = group.map(function (item) { return item.picture.tiny; }), source, from, n = sources.length;
    var wide = panel().width >= panel().height;
    if (sources.some(function (tiny) { return !tiny; })) { return null; }
    for (y = 0; y < TINY; y++) {
      for (x = 0; x < TINY; x++) {
        source = sources[Math.floor((wide ? x : y) * n / TINY)].data;
        from = ((wide ? y : y * n % TINY) * TINY + (wide ? x * n % TINY : x)) * 4;
        for (c = 0; c < 3; c++) { pixels.push(source[from + c]); }
      }
    }
    for (c = 0; c < 3; c++) { pixels = blurred(blurred(pixels, 4, 3, 3 * TINY), 4, 3 * TINY, 3); }
    var canvas = element("canvas", "back"), context = canvas.getContext("2d"), image = context.createImageData(TINY, TINY), grey, p, v;
    canvas.width = canvas.height = TINY;
    for (p = 0; p < TINY * TINY; p++) {
      grey = 0.3 * pixels[p * 3] + 0.59 * pixels[p * 3 + 1] + 0.11 * pixels[p * 3 + 2];
      for (c = 0; c < 3; c++) {
        v = (grey + (pixels[p * 3 + c] - grey) * 1.45) * 0.6;
        image.data[p * 4 + c] = Math.max(0, Math.min(255, v + (p * 7 + c * 3) % 5 / 5 - 0.4));
      }
      image.data[p * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return { canvas: canvas, data: image.data };
  }

  function luminance(data, place) {
    function linear(v) { return Math.pow(v / 255, 2.2); }
    return 0.2126 * linear(data[place]) + 0.7152 * linear(data[place + 1]) + 0.0722 * linear(data[place + 2]);
  }

  // How bright (0 to 1, nearly the brightest) the panel is behind a region of it, in parts of width and height.
  function brightness(panel, places, group, behind, region) {
    var values = [], i, j, x, y;
    function sample(x, y) {
      var p, place, u, v, tiny;
      for (p = 0; p < places.length; p++) {
        place = places[p];
        if (x >= place.x && y >= place.y && x < place.x + place.width && y < place.y + place.height) {
          tiny = group[p].picture.tiny;
          if (!tiny) { return 1; }
          u = (x - place.x - place.picture.x) / place.picture.width;
          v = (y - place.y - place.picture.y) / place.picture.height;
          return luminance(tiny.data, (Math.min(TINY - 1, Math.floor(v * TINY)) * TINY + Math.min(TINY - 1, Math.floor(u * TINY))) * 4);
        }
      }
      if (!behind) { return 0; }
      return luminance(behind.data, (Math.min(TINY - 1, Math.floor(y / panel.height * TINY)) * TINY + Math.min(TINY - 1, Math.floor(x / panel.width * TINY))) * 4);
    }
    for (i = 0; i < 16; i++) {
      for (j = 0; j < 8; j++) {
        x = (region.left + (region.right - region.left) * (i + 0.5) / 16) * panel.width;
        y = (region.top + (region.bottom - region.top) * (j + 0.5) / 8) * panel.height;
        values.push(sample(x, y));
      }
    }
    values.sort(function (a, b) { return a - b; });
    return values[Math.floor(values.length * 0.92)];
  }

  function shade(bright) {
    // Text of this size needs a contrast of 3 at least; a dark picture is left as it is.
    return Math.round(Math.max(0.15, Math.min(1, 0.2 + 1.5 * Math.pow(bright, 0.8))) * 100) / 100;
  }

  // ---- One slide ----

  function panel() {
    return { width: stage.clientWidth || window.innerWidth || 1280, height: stage.clientHeight || window.innerHeight || 800 };
  }

  function unique(texts) {
    return texts.filter(function (text, i) { return text && texts.indexOf(text) === i; });
  }

  function caption(group) {
    var box = element("div", "caption"), title = element("div", "title"), story = element("div", "story");
    var photos = group.map(function (item) { return item.photo; });
    var titles = unique(photos.map(function (photo) { return photo.place || photo.caption; }));
    var dates = unique(photos.map(function (photo) {
      var date = logic.takenDate(photo.taken);
      return date ? words.date(date) : "";
    }));
    var stories = photos.length > 1 ? [] : unique(photos.map(function (photo) { return photo.place ? photo.caption : ""; }));
    title.textContent = titles.join("  \u00b7  ");
    story.textContent = stories.concat(dates).join("  \u00b7  ");
    if (titles.length) { box.appendChild(title); }
    if (story.textContent) { box.appendChild(story); }
    return box.firstChild ? box : null;
  }

  function spoken(photo) {
    var date = logic.takenDate(photo.taken);
    return unique([photo.caption, photo.place, date ? words.date(date) : ""]).join(", ") || words.number;
  }

  function make(group) {
    var made = element("div", "slide"), text;
    made.group = group;
    made.places = place(made);
    if (/^#[0-9a-fA-F]{3,8}$/.test(settings.background)) { made.style.backgroundColor = settings.background; }
    setBehind(made);
    made.boxes = group.map(function (item) {
      var box = element("div", "box");
      item.picture.image.alt = spoken(item.photo);
      box.appendChild(item.picture.image);
      made.appendChild(box);
      return box;
    });
    text = settings.caption ? caption(group) : null;
    made.shades = {};
    if (settings.clock || settings.date) { made.shades.left = element("div", "shade left"); }
    if (text) { made.shades.right = element("div", "shade right"); }
    Object.keys(made.shades).forEach(function (side) { made.appendChild(made.shades[side]); });
    if (text) { made.appendChild(text); }
    arrange(made);
    return made;
  }

  // What fills the panel beside the photos; again when a tablet was turned.
  function setBehind(made) {
    var needed = settings.background === "blur" && (made.places.length > 1 || !made.places[0].full);
    if (made.behind) {
      made.removeChild(made.behind.canvas);
      made.behind.canvas.width = made.behind.canvas.height = 0;
    }
    made.behind = needed ? backdrop(made.group) : null;
    if (made.behind) { made.insertBefore(made.behind.canvas, made.firstChild); }
  }

  function place(made) {
    var size = panel();
    return logic.layout(size, made.group.map(function (item) { return item.picture; }), settings.fit, Math.max(2, Math.round(Math.min(size.width, size.height) / 160)));
  }

  function arrange(made) {
    var size = panel();
    made.places = place(made);
    made.places.forEach(function (at, i) {
      var box = made.boxes[i], image = made.group[i].picture.image;
      box.style.left = at.x + "px";
      box.style.top = at.y + "px";
      box.style.width = at.width + "px";
      box.style.height = at.height + "px";
      box.className = !at.full && made.places.length === 1 ? "box lifted" : "box";
      image.style.left = at.picture.x + "px";
      image.style.top = at.picture.y + "px";
      image.style.width = at.picture.width + "px";
      image.style.height = at.picture.height + "px";
    });
    // Where the style sheet puts the text.
    var upright = size.width <= 620 || size.width * 5 <= size.height * 4;
    var regions = {
      left: upright ? { left: 0, right: 0.7, top: 0, bottom: 0.14 } : { left: 0, right: 0.26, top: 0.77, bottom: 1 },
      right: upright ? { left: 0, right: 1, top: 0.86, bottom: 1 } : { left: 0.6, right: 1, top: 0.85, bottom: 1 }
    };
    Object.keys(made.shades).forEach(function (side) {
      made.shades[side].style.opacity = shade(brightness(size, made.places, made.group, made.behind, regions[side]));
    });
  }

  function transformed(movement) {
    return "translate3d(" + movement.x.toFixed(2) + "px," + movement.y.toFixed(2) + "px,0) scale(" + movement.scale.toFixed(4) + ")";
  }

  function setMotion(made, running) {
    var seconds = Math.min(settings.interval, MOST_MOTION / SECOND) + 2 * settings.transitionTime + 1;
    made.group.forEach(function (item, i) {
      var image = item.picture.image;
      if (!running) {
        made.moves = made.moves || made.places.map(function (at) { return logic.motion(at, Math.random); });
        image.style[TRANSITION] = "none";
        image.style[TRANSFORM] = transformed(made.moves[i].from);
      } else {
        image.style[TRANSITION] = (TRANSFORM === "transform" ? "transform " : "-webkit-transform ") + seconds + "s linear";
        image.style[TRANSFORM] = transformed(made.moves[i].to);
      }
    });
  }

  function stopMotion(made) {
    if (!made || !made.moves) { return; }
    made.moves = null;
    made.group.forEach(function (item) {
      if (!item.picture) { return; }
      item.picture.image.style[TRANSITION] = "none";
      item.picture.image.style[TRANSFORM] = "none";
    });
  }

  function moves() { return settings.motion !== "none" && !still(); }

  function show(group, done) {
    var before = slide, made = make(group), kind = still() && settings.transition === "slide" ? "fade" : settings.transition;
    var seconds = before ? Math.min(settings.transitionTime, settings.interval / 2) : Math.min(0.6, settings.transitionTime);
    if (still()) { seconds = Math.min(seconds, 0.5); }
    if (kind === "none") { seconds = 0; }
    slide = made;
    if (moves()) { setMotion(made, false); }
    if (seconds) { made.className += kind === "slide" && before ? " from" : " fade"; }
    stage.appendChild(made);
    if (moves()) {
      made.offsetWidth;  // one layout, before anything moves
      setMotion(made, true);
    }
    if (seconds) {
      made.offsetWidth;
      made.style[TRANSITION] = (kind === "slide" && before ? (TRANSFORM === "transform" ? "transform " : "-webkit-transform ") : "opacity ") + seconds + "s ease-in-out";
      if (kind === "slide" && before) {
        before.style[TRANSITION] = made.style[TRANSITION];
        before.className = "slide to";
        made.className = "slide home";
      } else {
        made.className += " in";
      }
    }
    nudge();
    startProgress();
    later(seconds * SECOND + 60, function () {
      if (before) {
        if (before.parentNode) { before.parentNode.removeChild(before); }
        release(before.group);
        discard(before);
      }
      made.style[TRANSITION] = "none";
      made.className = "slide";
      done();
    });
  }

  function discard(made) {
    if (made.behind) { made.behind.canvas.width = made.behind.canvas.height = 0; }
    made.group = made.boxes = made.behind = made.shades = null;
  }

  function empty(on) {
    byId("empty").hidden = !on;
    if (on && slide) {
      stage.removeChild(slide);
      release(slide.group);
      discard(slide);
      slide = null;
    }
  }

  // The same text at the same place for years burns into some panels.
  function nudge() {
    var n = player.changes, x = Math.round(6 * Math.sin(n / 7)), y = Math.round(5 * Math.cos(n / 9));
    byId("when").style[TRANSFORM] = "translate(" + x + "px," + y + "px)";
  }

  function startProgress() {
    var line = byId("progress").firstChild;
    if (!settings.progress) { return; }
    line.style[TRANSITION] = "none";
    line.style[TRANSFORM] = "scaleX(0)";
    if (player.paused) { return; }
    line.offsetWidth;
    line.style[TRANSITION] = (TRANSFORM === "transform" ? "transform " : "-webkit-transform ") + settings.interval + "s linear";
    line.style[TRANSFORM] = "scaleX(1)";
  }

  // ---- Requests ----

  // Without cookies, only the address can have the token of a picture or an event stream.
  function authorized(url) {
    if (!settings.token) { return url; }
    return url + (url.indexOf("?") < 0 ? "?" : "&") + "token=" + encodeURIComponent(settings.token);
  }

  function address(path, query) { return authorized(base + path + (query ? "?" + query : "")); }

  function ask(method, url, data, done) {
    var request = new XMLHttpRequest(), over = false, timer = later(REQUEST_PATIENCE, function () { request.abort(); finish(0); });
    function finish(status) {
      if (over) { return; }
      over = true;
      window.clearTimeout(timer);
      if (status === 401) { withdrawn(); }
      done(status, status ? request.responseText : "");
    }
    request.onload = function () { finish(request.status); };
    request.onerror = request.onabort = function () { finish(0); };
    try {
      request.open(method, url);
      if (settings.token) { request.setRequestHeader("X-Frame-Token", settings.token); }
      if (data) { request.setRequestHeader("Content-Type", "application/json"); }
      request.send(data ? JSON.stringify(data) : null);
    } catch (error) {
      finish(0);
    }
  }

  function withdrawn() {
    // The page that comes now shows a pairing code. Not in a circle, should it come back as it is.
    var last = Number(stored("withdrawn")) || 0;
    if (Math.abs(now() - last) > 5 * MINUTE) {
      stored("withdrawn", String(now()));
      window.location.reload();
    }
  }

  function contact(good) {
    if (good) { offlineSince = 0; } else { offlineSince = offlineSince || now(); }
    if (marked("open")) { fillInfo(); }
  }

  var fetching = false, again = false, fetchFailures = 0, fetchTimer = null;

  function fetchPhotos() {
    if (player.resting && marked("night")) { return; }
    if (fetching) { again = true; return; }
    fetching = true;
    window.clearTimeout(fetchTimer);
    ask("GET", address("/photos.json"), null, function (status, text) {
      fetching = false;
      var answer = status === 200 ? parsed(text) : null;
      if (!answer || !Array.isArray(answer.photos)) {
        contact(false);
        fetchTimer = later(logic.backoff(fetchFailures++, Math.random), fetchPhotos);
        return;
      }
      fetchFailures = 0;
      contact(true);
      revision = answer.revision;
      newBuild(answer.build);
      receive(answer.photos);
      if (again) { again = false; fetchPhotos(); }
    });
  }

  var list = [];

  function receive(photos) {
    list = photos;
    player.update(photos.filter(function (photo) { return photo && !rejected[photo.id]; }));
  }

  // -- Events, or polling where there are none --

  var stream = null, streamFailures = 0, heard = 0, pings = false, pollFailures = 0, pollTimer = null;

  function listen() {
    if (!window.EventSource || stream || marked("night")) { return; }
    var opened = stream = new window.EventSource(address("/events"));
    heard = now();
    function on(name, f) {
      opened.addEventListener(name, function (event) {
        if (opened !== stream) { return; }
        heard = now();
        contact(true);
        f(event.data);
      });
    }
    opened.onopen = function () {
      streamFailures = 0;
      heard = now();
      // Whatever changed while nobody listened.
      fetchPhotos();
    };
    on("photos", function (data) { if (data !== revision) { fetchPhotos(); } });
    on("command", function (data) { command(parsed(data)); });
    on("build", newBuild);
    on("ping", function () { pings = true; });
    opened.onerror = function () {
      if (opened !== stream) { return; }
      contact(false);
      // The browser connects again by itself, at once and for ever; here with a growing pause.
      hush();
      later(logic.backoff(streamFailures++, Math.random), listen);
    };
  }

  function hush() {
    if (stream) { stream.close(); }
    stream = null;
  }

  function poll() {
    window.clearTimeout(pollTimer);
    pollTimer = later(settings.poll * SECOND * (0.9 + 0.2 * Math.random()), poll);
    if (marked("night") || stream && stream.readyState === 1 && !dead()) { return; }
    ask("GET", address("/poll", "revision=" + encodeURIComponent(revision || "") + "&build=" + encodeURIComponent(settings.build)), null, function (status, text) {
      var answer = status === 200 ? parsed(text) : null;
      contact(!!answer);
      if (!answer) {
        window.clearTimeout(pollTimer);
        pollTimer = later(Math.max(settings.poll * SECOND, logic.backoff(pollFailures++, Math.random)), poll);
        return;
      }
      pollFailures = 0;
      if (answer.revision !== revision) { fetchPhotos(); }
      newBuild(answer.build);
      (answer.commands || []).forEach(command);
    });
  }

  function dead() { return pings && now() - heard > SILENCE; }

  function command(what) {
    if (!what || typeof what !== "object") { return; }
    if (what["do"] === "next") { player.next(); }
    if (what["do"] === "previous") { player.previous(); }
    if (what["do"] === "pause") { player.pause(true); }
    if (what["do"] === "resume") { player.pause(false); }
    if (what["do"] === "show") { player.show(what.photo); }
  }

  // -- What is shown, for the server --

  var told = "", tellTimer = null, toldAt = 0;

  function tell() {
    if (tellTimer || marked("night")) { return; }
    tellTimer = later(Math.max(500, toldAt + 10 * SECOND - now()), function () {
      tellTimer = null;
      var photo = player.current && player.current[0].photo.id, what = { photo: photo, paused: player.paused };
      if (!photo || marked("night") || JSON.stringify(what) === told) { return; }
      toldAt = now();
      ask("POST", address("/seen"), what, function (status) {
        told = status >= 200 && status < 300 ? JSON.stringify(what) : "";
        contact(status > 0 && status < 500);
      });
    });
  }

  // -- A new version of the page --

  var upgrading = false, upgradeFailures = 0;

  function newBuild(build) {
    var over = false;
    if (!build || build === settings.build || upgrading || stored("reloaded") === build + " " + Math.floor(now() / (60 * MINUTE))) { return; }
    upgrading = true;
    // The server says it once for each connection: a page that did not arrive is asked for again.
    function stop() {
      if (over) { return; }
      over = true;
      later(logic.backoff(upgradeFailures++, Math.random), function () {
        upgrading = false;
        if (!marked("night")) { newBuild(build); }
      });
    }
    ask("GET", window.location.href, null, function (status, text) {
      var files = [], pattern = /(?:src|href)="([^"]*\/assets\/[^"]+)"/g, found;
      while ((found = pattern.exec(text))) { files.push(found[1].replace(/&amp;/g, "&")); }
      var missing = files.length;
      // Not before everything of the new page has arrived.
      if (status !== 200 || text.indexOf('id="stage"') < 0 || !missing) { return stop(); }
      files.forEach(function (file) {
        ask("GET", file, null, function (status) {
          if (status !== 200) { return stop(); }
          if (--missing === 0) {
            stored("reloaded", build + " " + Math.floor(now() / (60 * MINUTE)));
            window.location.reload();
          }
        });
      });
    });
  }

  // ---- Night, and pages that nobody sees ----

  function rest() {
    var dark = logic.isNight(settings.night, new Date()) && now() > awakeUntil;
    if (dark !== marked("night")) {
      mark("night", dark);
      if (dark) { hush(); controls(false); } else { listen(); poll(); fetchPhotos(); }
    }
    player.rest(dark || !!(doc.hidden || doc.webkitHidden));
  }

  function clock() {
    var date = new Date(), parts = words.clock(date, settings.timeFormat), at = byId("clock"), small;
    if (settings.clock && at.getAttribute("data-text") !== parts.join("")) {
      at.setAttribute("data-text", parts.join(""));
      at.textContent = parts[0];
      if (parts[1]) {
        small = element("small");
        small.textContent = parts[1];
        at.appendChild(small);
      }
    }
    if (settings.date && byId("day").textContent !== words.day(date)) { byId("day").textContent = words.day(date); }
    rest();
  }

  function tick() {
    clock();
    later(1000 * (60 - new Date().getSeconds()) + 20, tick);
  }

  function keepAwake() {
    if (!navigator.wakeLock || wakeLock || doc.hidden) { return; }
    navigator.wakeLock.request("screen").then(function (lock) {
      wakeLock = lock;
      lock.addEventListener("release", function () { wakeLock = null; });
    }, function () { /* the battery is low, or it is not allowed */ });
  }

  // ---- Controls ----

  var hideTimer = null, toastTimer = null, idleTimer = null;

  function controls(on, focus) {
    mark("controls", on);
    bar.setAttribute("aria-hidden", on ? "false" : "true");
    window.clearTimeout(hideTimer);
    if (on) {
      hideTimer = later(8 * SECOND, function () { controls(false); });
      if (focus) { byId("pause").focus(); }
    } else if (bar.contains(doc.activeElement)) {
      doc.activeElement.blur();
    }
  }

  function say(text, choices, seconds) {
    var line = element("div"), span = element("span");
    span.textContent = text;
    line.appendChild(span);
    (choices || []).forEach(function (choice) {
      var button = element("button", "plain");
      button.type = "button";
      button.textContent = choice.label;
      button.onclick = function (event) { event.stopPropagation(); choice.act(); };
      line.appendChild(button);
    });
    toast.textContent = "";
    toast.appendChild(line);
    toast.className = "on";
    window.clearTimeout(toastTimer);
    toastTimer = later((seconds || 3) * SECOND, quiet);
  }

  function quiet() {
    toast.className = "";
    if (toast.contains(doc.activeElement)) { doc.activeElement.blur(); }
    window.clearTimeout(toastTimer);
    // Nobody must be able to press what is not visible.
    toastTimer = later(SECOND / 2, function () { toast.textContent = ""; });
  }

  function togglePause() {
    player.pause(!player.paused);
    startProgress();
    say(player.paused ? words.paused : words.playing);
  }

  function row(term, text) {
    if (!text) { return; }
    var dt = element("dt"), dd = element("dd");
    dt.textContent = term;
    dd.textContent = text;
    info.firstChild.appendChild(dt);
    info.firstChild.appendChild(dd);
  }

  function fillInfo() {
    info.textContent = "";
    info.appendChild(element("dl"));
    (player.current || []).forEach(function (item) {
      var photo = item.photo, date = logic.takenDate(photo.taken), number = list.map(function (other) { return other.id; }).indexOf(photo.id) + 1;
      row(words.text, photo.caption);
      row(words.place, photo.place);
      row(words.taken, date ? words.date(date) + ", " + words.time(date, settings.timeFormat) : "");
      row(words.album, photo.album);
      row(words.number, number ? words.insert(words.of, [number, list.length]) : "");
    });
    row(words.frame, settings.title || settings.name);
    row(words.connection, offlineSince ? words.insert(words.lost, [words.time(new Date(offlineSince), settings.timeFormat)]) : words.connected);
  }

  function showInfo(on) {
    mark("open", on);
    info.hidden = !on;
    byId("about").setAttribute("aria-pressed", on ? "true" : "false");
    if (on) { fillInfo(); }
  }

  // "Not this one": gone at once, told to the server when there was time to undo it.
  function reject() {
    var group = player.current, photos, below;
    if (!group) { return; }
    photos = group.map(function (item) { return item.photo; });
    if (photos.length < 2) { return rejectAll(photos); }
    below = slide && slide.group === group && slide.places[1].y > slide.places[0].y;
    say(words.which, [
      { label: below ? words.upper : words.left, act: function () { rejectAll([photos[0]]); } },
      { label: below ? words.lower : words.right, act: function () { rejectAll([photos[1]]); } },
      { label: words.both, act: function () { rejectAll(photos); } }
    ], CHOICE / SECOND);
    controls(false);
    toast.querySelector("button").focus();
  }

  function rejectAll(photos) {
    var ids = photos.map(function (photo) { return photo.id; });
    sendRejected();
    ids.forEach(function (id) { rejected[id] = true; });
    undoing = { ids: ids, timer: later(UNDO, sendRejected) };
    receive(list);
    if ((player.current || []).some(function (item) { return rejected[item.photo.id]; })) { player.next(); }
    say(ids.length > 1 ? words.allRejected : words.rejected, [{ label: words.undo, act: undo }], UNDO / SECOND);
  }

  function undo() {
    if (!undoing) { return; }
    var ids = undoing.ids;
    window.clearTimeout(undoing.timer);
    undoing = null;
    ids.forEach(function (id) { delete rejected[id]; });
    quiet();
    receive(list);
    player.show(ids[0]);
  }

  function sendRejected() {
    if (!undoing) { return; }
    window.clearTimeout(undoing.timer);
    var unsent = (parsed(stored("rejected")) || []).concat(undoing.ids);
    undoing = null;
    stored("rejected", JSON.stringify(unsent.slice(-100)));
    send(unsent, 0);
  }

  function send(unsent, failures) {
    unsent.forEach(function (id) {
      rejected[id] = true;
      ask("POST", address("/reject"), { photo: id }, function (status) {
        if (!status || status >= 500 || status === 401 || status === 429) {
          if (failures < 1000) { later(logic.backoff(failures, Math.random), function () { send([id], failures + 1); }); }
          return;
        }
        stored("rejected", JSON.stringify((parsed(stored("rejected")) || []).filter(function (other) { return other !== id; })));
        fetchPhotos();
      });
    });
  }

  function fullscreen() {
    var on = root.requestFullscreen || root.webkitRequestFullscreen || root.mozRequestFullScreen || root.msRequestFullscreen;
    var off = doc.exitFullscreen || doc.webkitExitFullscreen || doc.mozCancelFullScreen || doc.msExitFullscreen;
    var is = doc.fullscreenElement || doc.webkitFullscreenElement || doc.mozFullScreenElement || doc.msFullscreenElement, asked;
    if (!on) { return; }
    asked = is ? off.call(doc) : on.call(root);
    if (asked && asked["catch"]) { asked["catch"](function () { /* the browser does not want to */ }); }
  }

  var actions = {
    previous: function () { player.previous(); },
    pause: togglePause,
    next: function () { player.next(); },
    about: function () { showInfo(!marked("open")); },
    reject: reject,
    full: fullscreen
  };

  function awake() {
    if (!marked("night")) { return false; }
    awakeUntil = now() + 2 * MINUTE;
    rest();
    later(2 * MINUTE + SECOND, rest);
    return true;
  }

  // Keys by number: `key` is missing before Chrome 51. Remote controls have numbers of their own.
  var keys = {
    13: "enter", 32: "pause", 19: "hold", 37: "left", 39: "right", 38: "up", 40: "down", 27: "back", 461: "back", 10009: "back",
    46: "reject", 88: "reject", 73: "about", 70: "full", 80: "pause", 179: "pause", 415: "play", 413: "hold", 10252: "pause",
    176: "right", 177: "left", 417: "right", 412: "left", 457: "about", 33: "left", 34: "right", 85: "undo"
  };
  var names = { MediaPlayPause: "pause", MediaPlay: "play", MediaPause: "hold", MediaStop: "hold", MediaTrackNext: "right",
    MediaTrackPrevious: "left", MediaFastForward: "right", MediaRewind: "left", Info: "about", GoBack: "back", BrowserBack: "back" };

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    var what = names[event.key] || keys[event.keyCode], buttons, at, within = [bar, toast].filter(function (place) { return place.contains(doc.activeElement); })[0];
    if (!what) { return; }
    if (awake()) { event.preventDefault(); return; }
    if (doc.activeElement && doc.activeElement.tagName === "BUTTON" && (what === "enter" || event.keyCode === 32)) {
      controlsLonger();
      return;  // the button's own
    }
    event.preventDefault();
    if (within && (what === "left" || what === "right") && event.keyCode !== 33 && event.keyCode !== 34) {
      buttons = [].slice.call(within.querySelectorAll("button")).filter(function (button) { return !button.hidden; });
      at = buttons.indexOf(doc.activeElement) + (what === "right" ? 1 : -1);
      buttons[(at + buttons.length) % buttons.length].focus();
      controlsLonger();
    } else if (what === "left") { player.previous();
    } else if (what === "right") { player.next();
    } else if (what === "up") { showInfo(!marked("open"));
    } else if (what === "enter" || what === "down") { controls(!marked("controls"), true);
    } else if (what === "back") { showInfo(false); controls(false); quiet();
    } else if (what === "play") { if (player.paused) { togglePause(); }
    } else if (what === "hold") { if (!player.paused) { togglePause(); }
    } else if (what === "undo") { undo();
    } else { actions[what](); }
  }

  function controlsLonger() { if (marked("controls")) { controls(true); } }

  var touch = null, swipedAt = 0;

  function touches() {
    doc.addEventListener("touchstart", function (event) {
      touch = event.touches.length === 1 ? { x: event.touches[0].clientX, y: event.touches[0].clientY, at: now() } : null;
    });
    doc.addEventListener("touchmove", function (event) {
      // A swipe is for the photos, not for the browser's history. Old browsers take the last argument as true.
      if (event.cancelable && !info.contains(event.target)) { event.preventDefault(); }
    }, { passive: false });
    doc.addEventListener("touchend", function (event) {
      var end = event.changedTouches[0], x, y;
      if (!touch || !end || event.touches.length) { touch = null; return; }
      x = end.clientX - touch.x;
      y = end.clientY - touch.y;
      if (Math.abs(x) > 40 && Math.abs(x) > 1.5 * Math.abs(y) && now() - touch.at < 1500) {
        swipedAt = now();
        if (!awake()) { player[x < 0 ? "next" : "previous"](); }
      } else if (Math.abs(y) > 60 && Math.abs(y) > 1.5 * Math.abs(x)) {
        swipedAt = now();
        if (!awake()) { showInfo(y < 0); }
      }
      touch = null;
    });
    doc.addEventListener("click", function (event) {
      var target = event.target;
      if (now() - swipedAt < 500 || awake()) { return; }
      while (target && target !== doc) {
        if (target.tagName === "BUTTON" || target === info) { return; }
        target = target.parentNode;
      }
      if (marked("open")) { showInfo(false); } else { controls(!marked("controls")); }
    });
    doc.addEventListener("mousemove", function () {
      mark("idle", false);
      window.clearTimeout(idleTimer);
      idleTimer = later(3 * SECOND, function () { mark("idle", true); });
    });
  }

  // ---- Start ----

  var before = parsed(stored("place"));
  var player = new logic.Player({
    now: now, later: later, cancel: function (handle) { window.clearTimeout(handle); }, random: Math.random, panel: panel,
    load: load, show: show, empty: empty, release: release,
    changed: function () {
      mark("paused", player.paused);
      byId("pause").setAttribute("aria-label", player.paused ? words.resume : words.pause);
      byId("pause").title = player.paused ? words.resume : words.pause;
      if (marked("open")) { fillInfo(); }
      if (player.current) {
        stored("place", JSON.stringify({ seed: player.order.seed, id: player.order.last, at: now() }));
        tell();
      }
    }
  }, settings, new logic.Order(settings.order, Math.random, before && (settings.order === "random" || now() - before.at < 60 * MINUTE) ? before : null));
  window.picsyncFrame = player;

  root.lang = words.language;
  Array.prototype.forEach.call(doc.querySelectorAll("[data-word]"), function (at) {
    var text = words[at.getAttribute("data-word")];
    if (at.tagName === "BUTTON" || at.getAttribute("role")) {
      at.setAttribute("aria-label", text);
      if (at.tagName === "BUTTON") { at.title = text; }
    } else {
      at.textContent = text;
    }
  });
  Object.keys(actions).forEach(function (name) {
    byId(name).onclick = function () { controlsLonger(); actions[name](); };
  });
  byId("full").hidden = !(root.requestFullscreen || root.webkitRequestFullscreen || root.mozRequestFullScreen || root.msRequestFullscreen);
  byId("clock").hidden = !settings.clock;
  byId("day").hidden = !settings.date;
  byId("progress").hidden = !settings.progress;
  doc.addEventListener("keydown", key);
  touches();
  mark("idle", true);
  ["visibilitychange", "webkitvisibilitychange"].forEach(function (name) {
    doc.addEventListener(name, function () { rest(); keepAwake(); });
  });
  window.addEventListener("resize", function () {
    if (!slide || !slide.group) { return; }
    stopMotion(slide);
    slide.places = place(slide);
    setBehind(slide);
    arrange(slide);
  });
  window.addEventListener("online", function () { fetchFailures = streamFailures = 0; fetchPhotos(); listen(); });
  window.setInterval(function () {
    if (dead()) { hush(); contact(false); listen(); }
    player.check();
    keepAwake();
  }, 15 * SECOND);
  window.setInterval(fetchPhotos, 60 * MINUTE);

  tick();
  fetchPhotos();
  if (!marked("night")) { listen(); }
  pollTimer = later(settings.poll * SECOND, poll);
  keepAwake();
  send(parsed(stored("rejected")) || [], 0);
  if (settings.ignored.length) { say(words.insert(words.ignored, [settings.ignored.join(", ")]), null, 10); }
  if (navigator.serviceWorker && navigator.serviceWorker.register) {
    // It exists on https:// and on localhost only, and may be forbidden in frames of other sites.
    try {
      if (!navigator.serviceWorker.controller) {
        // It can keep only what is asked for through it, which is from now on.
        navigator.serviceWorker.addEventListener("controllerchange", fetchPhotos);
      }
      navigator.serviceWorker.register(base + "/sw.js", { scope: base }).then(function () {
        return navigator.serviceWorker.ready;
      }).then(function (registration) {
        registration.active.postMessage({ page: window.location.href.replace(/#.*/, "") });
      })["catch"](function () { /* then without it */ });
    } catch (error) { /* then without it */ }
  }
}());
