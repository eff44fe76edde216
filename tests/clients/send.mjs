// Runs the send page's script without a browser: send.mjs SCRIPT URL COOKIE TOKEN FILE MEMORY [--direct] [--cut PART]
// [--deaf | --leave] [--copies COUNT --until REQUESTS]
// chooses a file, as a person does, and prints the requests and how it ended. MEMORY keeps what localStorage has.
// With --deaf, the connection is lost before the answer to the first upload that is begun arrives; with --leave, too,
// and then the page is closed.
// With --copies, it chooses that many files of this content, and ends after so many requests.
// With --cut, the connection is lost within the request number PART that sends bytes, and then the page is closed.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [script, origin, cookie, token, file, memory, ...options] = process.argv.slice(2);
const number = (name) => (options.includes(name) ? Number(options[options.indexOf(name) + 1]) : 0);
const cut = number('--cut');
const copies = number('--copies');
const until = number('--until');
const requests = [];
let deaf = options.includes('--deaf') || options.includes('--leave');
let sending = 0;
let open = 0;
let mostOpen = 0;
let mostRows = 0;
let chosenMs = 0;

class Element extends EventTarget {
  constructor() {
    super();
    this.dataset = {};
    this.classList = { add() {}, remove() {} };
    this.value = '';
    this.parentNode = null;
    this.children = new Set();
  }

  append(...parts) {
    for (const part of parts) if (part instanceof Element) { part.parentNode = this; this.children.add(part); }
    mostRows = Math.max(mostRows, this.children.size);
  }

  before() {}

  remove() { if (this.parentNode) this.parentNode.children.delete(this); this.parentNode = null; }

  setAttribute() {}

  focus() {}
}

const elements = new Map();
const element = (id) => {
  if (!elements.has(id)) elements.set(id, new Element());
  return elements.get(id);
};
element('album').value = 'Family';
if (options.includes('--direct')) element('send').dataset.direct = '';

const kept = fs.existsSync(memory) ? JSON.parse(fs.readFileSync(memory, 'utf8')) : {};
const save = () => fs.writeFileSync(memory, JSON.stringify(kept));
Object.defineProperty(globalThis, 'localStorage', { value: new Proxy(kept, {
  get(_, name) {
    if (name === 'getItem') return (key) => (key in kept ? kept[key] : null);
    if (name === 'setItem') return (key, value) => { kept[key] = String(value); save(); };
    if (name === 'removeItem') return (key) => { delete kept[key]; save(); };
    return kept[name];
  },
}) });
globalThis.window = {};
globalThis.document = {
  title: 'Send', getElementById: element, querySelector: () => ({ content: token }), createElement: () => new Element(),
};
globalThis.addEventListener = () => {};
globalThis.removeEventListener = () => {};
globalThis.requestAnimationFrame = (draw) => setImmediate(draw);

// A browser's request, on fetch: cookies and the origin go to the page's own server only.
globalThis.XMLHttpRequest = class {
  constructor() { this.upload = {}; this.headers = {}; this.control = new AbortController(); }

  open(method, url) { this.method = method; this.url = new URL(url, origin); }

  setRequestHeader(name, value) { this.headers[name] = value; }

  getResponseHeader(name) { return this.answer.headers.get(name); }

  abort() { this.control.abort(); }

  async send(body) {
    const own = this.url.origin === origin;
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    if (until && requests.length >= until) finish('enough');
    requests.push(`${this.method} ${own ? this.url.pathname : 'bucket'}`);
    let content = body === null ? undefined : body;
    if (body instanceof Blob) {
      sending += 1;
      content = new Uint8Array(await body.arrayBuffer());
      if (sending === cut) {
        // Half of the bytes arrive, then nothing more.
        const half = content.slice(0, content.length / 2);
        content = new ReadableStream({ start(stream) { stream.enqueue(half); setTimeout(() => stream.error(new Error('tunnel')), 300); } });
      }
    }
    const headers = { ...this.headers, Origin: origin, ...(own ? { Cookie: cookie } : {}) };
    try {
      this.answer = await fetch(this.url, { method: this.method, headers, body: content, duplex: 'half', signal: this.control.signal });
      this.status = this.answer.status;
      this.responseText = await this.answer.text();
      open -= 1;
      if (deaf && this.method === 'POST') {
        deaf = false;
        if (options.includes('--leave')) finish('left');
        this.onerror();
        return;
      }
    } catch (error) {
      open -= 1;
      if (sending === cut) finish('cut');
      this.onerror();
      return;
    }
    this.onload();
  }
};

function finish(state) {
  process.stdout.write(JSON.stringify({ state, requests, kept: Object.keys(kept).length, url: Object.values(kept)[0] || '', mostOpen, mostRows, chosenMs }));
  process.exit(0);
}

await import(pathToFileURL(script).href);
const stat = fs.statSync(file);
const about = { lastModified: Math.floor(stat.mtimeMs) };
const content = fs.readFileSync(file);
const chosen = [new File([content], path.basename(file), about)];
for (let copy = 1; copy < copies; copy += 1) chosen.push(new File([content], `${copy} ${path.basename(file)}`, about));
const choose = new Event('change');
Object.defineProperty(choose, 'target', { value: { files: chosen, value: '' } });
const chosenAt = performance.now();
element('files').dispatchEvent(choose);
chosenMs = performance.now() - chosenAt;

// The title of the progress says how it ended.
const watch = setInterval(() => {
  if (until) return;
  const text = element('total-text').textContent || '';
  if (/arrived$/.test(text) && !/ of /.test(text)) { clearInterval(watch); finish('arrived'); }
  if (/not sent|already there/.test(text)) { clearInterval(watch); finish(text); }
}, 20);
