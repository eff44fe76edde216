// Sends photos: three at a time, in blocks, each block again until it has arrived. Blocks go to picsync by
// tus 1.0.0, or straight to the library's bucket, to URLs that picsync signs. What has begun is remembered in
// the browser by a fingerprint of the file, so that choosing it again continues it, or sends nothing if all of it
// has arrived.

const CONCURRENT = 3;
const BLOCK_BYTES = 8 * 1024 * 1024;
const SHOWN = 200;
const RETRY_MS = [500, 2000, 5000, 10000, 20000, 30000];
const FULL_MS = 30000;
const POLL_MS = 1000;
const TIMEOUT_MS = 60000;
const IDS = 100;
const KEPT_MS = 6 * 24 * 3600 * 1000;
const PREFIX = "picsync-upload:";
const TUS = { "Tus-Resumable": "1.0.0" };

const DIRECT = "/api/uploads/direct";

const $ = (id) => document.getElementById(id);
const form = $("send");
const token = document.querySelector('meta[name="form-token"]').content;

// ---- What the browser remembers.

function recall(key) {
  try {
    const found = JSON.parse(localStorage.getItem(PREFIX + key));
    return found && Date.now() - found.at < KEPT_MS ? found : null;
  } catch (error) {
    return null;
  }
}

function remember(key, known) {
  try {
    if (known) localStorage.setItem(PREFIX + key, JSON.stringify({ ...known, at: Date.now() }));
    else localStorage.removeItem(PREFIX + key);
  } catch (error) {
    // Without storage, uploads cannot continue after the page was closed.
  }
}

function tidy() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && !recall(key.slice(PREFIX.length))) localStorage.removeItem(key);
    }
  } catch (error) {
    // See above.
  }
}

// ---- One upload.

class Refused extends Error {}
class NoRoom extends Error {}

const entries = [];
const waiting = [];
let active = 0;
let paused = false;
let offline = false;
let full = "";
let sentBytes = 0;
let totalBytes = 0;
let polling = null;
let lock = null;

function add(files, album) {
  const known = new Set(entries.filter((entry) => entry.state !== "failed").map((entry) => entry.key));
  for (const file of files) {
    const entry = {
      file, album, offset: 0, state: "waiting", why: "", url: null, asked: null, id: null, request: null, shared: file.shared || null,
      key: [album, file.name, file.size, file.lastModified].join("|"),
    };
    if (known.has(entry.key)) continue;
    known.add(entry.key);
    entries.push(entry);
    waiting.push(entry);
    totalBytes += file.size;
  }
  if (entries.length) $("progress").hidden = false;
  showAll();
  next();
}

function next() {
  while (!paused && !full && active < CONCURRENT && waiting.length) {
    const entry = waiting.shift();
    active += 1;
    send(entry).then(
      () => set(entry, "checking"),
      (error) => {
        if (error instanceof NoRoom) wait(entry, error.message);
        else if (entry.state !== "paused") set(entry, "failed", error.message);
      },
    ).finally(() => {
      active -= 1;
      if (entry.state === "paused") waiting.unshift(entry);
      next();
      poll();
    });
  }
  keepAwake(active > 0);
}

// Without room, it is the turn of the others after a while, and of this one after them.
function wait(entry, why) {
  set(entry, "waiting");
  waiting.push(entry);
  if (full) return;
  full = why;
  showTotal();
  pause(FULL_MS).then(() => { full = ""; next(); showTotal(); });
}

async function send(entry) {
  set(entry, "sending");
  const way = "direct" in form.dataset && entry.file.size ? straight : tus;
  for (let tried = 0; ;) {
    try {
      if (!entry.url) {
        const known = recall(entry.key) || {};
        entry.url = known.url || null;
        entry.asked = known.asked || entry.asked;
      }
      if (entry.url) await way.resume(entry);
      if (!entry.url) await way.create(entry);
      while (entry.offset < entry.file.size) {
        const before = entry.offset;
        await way.append(entry);
        offline = false;
        if (entry.offset > before) tried = 0;
      }
      if (way.complete) await way.complete(entry);
      entry.id = entry.url.split("/").pop();
      return;
    } catch (error) {
      if (entry.state === "paused" || error instanceof Refused || error instanceof NoRoom) throw error;
      // The network: wait, then ask how much has arrived.
      offline = true;
      showTotal();
      await pause(RETRY_MS[Math.min(tried, RETRY_MS.length - 1)]);
      tried += 1;
      if (entry.state === "paused") throw error;
    }
  }
}

function forget(entry) {
  remember(entry.key, null);
  entry.url = entry.asked = null;
  move(entry, 0);
}

// The name under which an upload is asked for: if the answer is lost, asking again finds it.
function ask(entry) {
  if (!entry.asked) {
    entry.asked = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
    if (entry.file.size) remember(entry.key, { asked: entry.asked });
  }
  return entry.asked;
}

function begun(entry, url) {
  entry.url = url;
  if (entry.file.size) remember(entry.key, { url, asked: entry.asked });
}

const tus = { create, resume, append };

async function create(entry) {
  const told = { filename: entry.file.name, album: entry.album, filetype: entry.file.type, key: ask(entry) };
  const metadata = Object.keys(told).map((key) => `${key} ${base64(told[key])}`).join(",");
  const answer = await call("POST", "/api/uploads/tus", {
    ...TUS, "Upload-Length": String(entry.file.size), "Upload-Metadata": metadata,
  });
  if (answer.status !== 201) throw refusal(answer);
  begun(entry, answer.header("Location"));
  move(entry, 0);
}

async function resume(entry) {
  const answer = await call("HEAD", entry.url, TUS);
  if (answer.status === 200 && Number(answer.header("Upload-Length")) === entry.file.size) {
    move(entry, Number(answer.header("Upload-Offset")));
  } else if (answer.status >= 500 || answer.status === 423 || answer.status === 429) {
    throw new Error(answer.text);
  } else if (answer.status === 401 || answer.status === 403) {
    throw refusal(answer);
  } else {
    forget(entry);
  }
}

async function append(entry) {
  const from = entry.offset;
  const block = entry.file.slice(from, from + BLOCK_BYTES);
  const answer = await call("PATCH", entry.url, {
    ...TUS, "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream",
  }, block, (request) => { entry.request = request; }, (loaded) => move(entry, from + Math.min(loaded, block.size)));
  entry.request = null;
  if (answer.status === 204) {
    move(entry, Number(answer.header("Upload-Offset")));
  } else if (answer.status === 404 || answer.status === 410) {
    forget(entry);
    throw new Error(answer.text);
  } else if ([409, 423, 429, 460].includes(answer.status) || (answer.status >= 500 && answer.status !== 507)) {
    throw new Error(answer.text);
  } else {
    throw refusal(answer);
  }
}

// Straight to the bucket: picsync says which parts are missing, and where each of them goes.
const straight = {
  async create(entry) {
    const wanted = { filename: entry.file.name, album: entry.album, size_bytes: entry.file.size, key: ask(entry) };
    const answer = await call("POST", DIRECT, { "Content-Type": "application/json" }, JSON.stringify(wanted));
    if (answer.status !== 201) throw refusal(answer);
    const found = JSON.parse(answer.text);
    begun(entry, `${DIRECT}/${found.id}`);
    entry.missing = found.missing;
    move(entry, found.received_bytes);
  },

  async resume(entry) {
    const answer = await call("GET", entry.url, {});
    if (answer.status === 200) {
      const found = JSON.parse(answer.text);
      if (found.state === "failed") return forget(entry);
      entry.missing = found.missing;
      return move(entry, found.missing.length ? found.received_bytes : entry.file.size);
    }
    if (answer.status >= 500 || answer.status === 429) throw new Error(answer.text);
    if (answer.status === 401 || answer.status === 403) throw refusal(answer);
    return forget(entry);
  },

  async append(entry) {
    const part = entry.missing[0];
    if (!part) return straight.resume(entry);
    const from = entry.offset;
    const block = entry.file.slice(part.start, part.start + part.size_bytes);
    const answer = await call("PUT", part.url, {}, block, (request) => { entry.request = request; },
      (loaded) => move(entry, from + Math.min(loaded, block.size)));
    entry.request = null;
    if (answer.status === 507 || /Quota|StorageFull/.test(answer.text)) throw new NoRoom("The library is full.");
    // Whatever else the bucket has refused: the URL may be too old, so ask for another one.
    if (answer.status !== 200) throw new Error(answer.text);
    entry.missing.shift();
    return move(entry, from + block.size);
  },

  async complete(entry) {
    const answer = await call("POST", `${entry.url}/complete`, {});
    if (answer.status === 404) forget(entry);
    if (answer.status === 404 || answer.status === 409) throw new Error(answer.text);
    if (answer.status !== 200) throw refusal(answer);
  },
};

function refusal(answer) {
  if (answer.status >= 500 && answer.status !== 507) return new Error(answer.text);
  if (answer.status === 429) return new Error(answer.text);
  try {
    const { error, hint } = JSON.parse(answer.text);
    const said = [error, hint].filter(Boolean).join(" ");
    return answer.status === 507 ? new NoRoom(said) : new Refused(said);
  } catch (error) {
    return new Refused(`The server has refused it (${answer.status}).`);
  }
}

// XMLHttpRequest, since fetch does not tell how much of a body was sent.
function call(method, url, headers, body, started, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer = null;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), TIMEOUT_MS);
    };
    request.open(method, url);
    for (const name of Object.keys(headers)) request.setRequestHeader(name, headers[name]);
    if (url.startsWith("/")) {
      request.setRequestHeader("X-Form-Token", token);
      request.setRequestHeader("Accept", "application/json");
    }
    request.upload.onprogress = (event) => { alive(); if (progress) progress(event.loaded); };
    request.onload = () => {
      clearTimeout(timer);
      resolve({ status: request.status, text: request.responseText, header: (name) => request.getResponseHeader(name) });
    };
    request.onerror = request.onabort = () => { clearTimeout(timer); reject(new Error("The connection was lost.")); };
    if (started) started(request);
    alive();
    request.send(body || null);
  });
}

function base64(text) {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

function pause(ms) {
  return new Promise((resolve) => {
    const done = () => { clearTimeout(timer); removeEventListener("online", done); resolve(); };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}

// ---- What has become of what arrived.

function poll() {
  if (polling || !entries.some((entry) => entry.state === "checking")) return;
  polling = setTimeout(async () => {
    const open = entries.filter((entry) => entry.state === "checking").slice(0, IDS);
    try {
      const answer = await call("GET", `/api/uploads?id=${open.map((entry) => entry.id).join(",")}`, {});
      if (answer.status === 200) {
        const found = new Map(JSON.parse(answer.text).map((each) => [each.id, each]));
        for (const entry of open) {
          const each = found.get(entry.id);
          if (!each) set(entry, "failed", "The server does not know it any more. Send it again.");
          else if (each.state !== "checking" && each.state !== "receiving") set(entry, each.state, each.reason);
          else if (each.reason !== entry.why) set(entry, "checking", each.reason);
        }
      }
    } catch (error) {
      // The next one asks again.
    }
    polling = null;
    poll();
  }, POLL_MS);
}

// ---- What is shown.

const WORDS = {
  waiting: "waiting", sending: "", paused: "paused", checking: "checking", ready: "arrived",
  duplicate: "already there", failed: "not sent",
};

function move(entry, offset) {
  sentBytes += offset - entry.offset;
  entry.offset = offset;
  showEntry(entry);
  showTotal();
}

function set(entry, state, why) {
  entry.state = state;
  entry.why = why || "";
  if (["ready", "duplicate"].includes(state) && entry.shared) {
    caches.open("picsync-shared").then((cache) => cache.delete(entry.shared));
  }
  showEntry(entry);
  showTotal();
}

// The list shows what is going on: a selection may have ten thousand files.
function shown() {
  const rank = { failed: 0, sending: 1, paused: 1, checking: 2, waiting: 3, duplicate: 4, ready: 5 };
  if (entries.length <= SHOWN) return entries;
  return entries.slice().sort((a, b) => rank[a.state] - rank[b.state]).slice(0, SHOWN);
}

let drawn = 0;
function showAll() {
  if (drawn) return;
  drawn = requestAnimationFrame(() => {
    drawn = 0;
    const list = $("queue");
    const wanted = shown();
    const kept = new Set(wanted);
    for (const entry of entries) if (entry.row && !kept.has(entry)) { entry.row.remove(); entry.row = null; }
    for (const entry of wanted) {
      if (!entry.row) makeRow(entry);
      if (!entry.row.parentNode) list.append(entry.row);
      fill(entry);
    }
    const more = entries.length - wanted.length;
    $("more").hidden = !more;
    $("more").textContent = `and ${more.toLocaleString()} more`;
    showTotalNow();
  });
}

function makeRow(entry) {
  const row = document.createElement("li");
  for (const [tag, name] of [["span", "name"], ["span", "state"], ["progress", "bar"], ["span", "why"]]) {
    const part = document.createElement(tag);
    part.className = name;
    row.append(part);
    row[name] = part;
  }
  row.name.textContent = entry.file.name;
  row.bar.setAttribute("aria-label", entry.file.name);
  entry.row = row;
}

function fill(entry) {
  const { row } = entry;
  const part = entry.file.size ? entry.offset / entry.file.size : 1;
  row.className = entry.state;
  row.state.textContent = WORDS[entry.state] || `${Math.floor(part * 100)} %`;
  row.bar.value = part;
  row.bar.hidden = !["sending", "paused"].includes(entry.state);
  row.why.textContent = entry.why;
  row.why.hidden = !entry.why;
}

// Whether sending a file again may help: not if its content was refused.
function mayHelp(entry) {
  return entry.state === "failed" && (!entry.id || /send it again/i.test(entry.why));
}

function showEntry(entry) {
  if (entries.length > SHOWN) showAll();
  else if (entry.row) fill(entry);
}

let due = 0;
function showTotal() {
  if (!due) due = setTimeout(() => { due = 0; showTotalNow(); }, 200);
}

function showTotalNow() {
  const count = (...states) => entries.filter((entry) => states.includes(entry.state)).length;
  const there = count("ready");
  const known = count("duplicate");
  const failed = count("failed");
  const done = there + known + failed === entries.length;
  const of = entries.length === 1 ? "1 file" : `${entries.length.toLocaleString()} files`;
  const parts = [`${there.toLocaleString()} of ${of} arrived`];
  if (known) parts.push(`${known.toLocaleString()} already there`);
  if (failed) parts.push(`${failed.toLocaleString()} not sent`);
  const text = done && !known && !failed ? (entries.length === 1 ? "It has arrived" : `All ${of} have arrived`) : parts.join(", ");
  if ($("total-text").textContent !== text) $("total-text").textContent = text;
  $("total").value = totalBytes ? sentBytes / totalBytes : 1;
  $("total").hidden = done;
  $("pause").hidden = done;
  $("pause").textContent = paused ? "Continue" : "Pause";
  $("again").hidden = !(done && entries.some(mayHelp));
  const trouble = $("trouble");
  trouble.hidden = done || !(offline || full);
  trouble.textContent = full ? `${full} The rest follows by itself while this page is open.`
    : "The connection was lost. What has arrived is safe; the rest follows as soon as there is a network.";
  document.title = done ? form.dataset.title : `${Math.floor($("total").value * 100)} % – ${form.dataset.title}`;
}

// ---- The page.

async function keepAwake(needed) {
  try {
    if (needed && !lock && navigator.wakeLock) {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => { lock = null; });
    } else if (!needed && lock) {
      await lock.release();
    }
  } catch (error) {
    lock = null; // The phone may switch its screen off; uploads continue later.
  }
}

function chosenAlbum() {
  return $("other").value.trim() || $("album").value;
}

async function takeShared() {
  if (!("caches" in window)) return;
  const cache = await caches.open("picsync-shared");
  const files = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    const blob = await answer.blob();
    const file = new File([blob], decodeURIComponent(answer.headers.get("X-Name") || "photo"), {
      type: blob.type, lastModified: Number(answer.headers.get("X-Modified")),
    });
    file.shared = request.url;
    files.push(file);
  }
  if (!files.length) return;
  const offer = document.createElement("p");
  offer.className = "notice row spread";
  const text = document.createElement("span");
  text.textContent = files.length === 1 ? "1 file was shared with this app." : `${files.length} files were shared with this app.`;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "primary";
  button.textContent = "Send";
  const forget = document.createElement("button");
  forget.type = "button";
  forget.className = "quiet";
  forget.textContent = "Forget";
  button.onclick = () => { offer.remove(); add(files, chosenAlbum()); };
  forget.onclick = async () => {
    offer.remove();
    for (const file of files) await cache.delete(file.shared);
  };
  offer.append(text, button, forget);
  $("drop").before(offer);
  button.focus();
}

if (form) {
  form.dataset.title = document.title;
  form.classList.add("scripted");
  $("files-label").textContent = "Choose photos";
  $("files").addEventListener("change", (event) => {
    const files = Array.from(event.target.files);
    event.target.value = "";
    add(files, chosenAlbum());
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  const drop = $("drop");
  for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  $("pause").addEventListener("click", () => {
    paused = !paused;
    for (const entry of entries) {
      if (paused && entry.state === "sending") {
        set(entry, "paused");
        if (entry.request) entry.request.abort();
      }
    }
    showTotalNow();
    next();
  });
  $("retry").addEventListener("click", () => {
    for (const entry of entries) {
      if (!mayHelp(entry)) continue;
      entry.url = null;
      entry.id = null;
      move(entry, 0);
      set(entry, "waiting");
      waiting.push(entry);
    }
    next();
  });
  addEventListener("beforeunload", (event) => { if (active) event.preventDefault(); });
  tidy();
  takeShared().catch(() => {});
}
