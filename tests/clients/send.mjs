// Runs the send page's script without a browser: send.mjs SCRIPT URL COOKIE TOKEN FILE MEMORY [--direct] [--cut PART]
// chooses a file, as a person does, and prints the requests and how it ended. MEMORY keeps what localStorage has.
// With --cut, the connection is lost within the request number PART that sends bytes, and then the page is closed.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [script, origin, cookie, token, file, memory, ...options] = process.argv.slice(2);
const cut = options.includes('--cut') ? Number(options[options.indexOf('--cut') + 1]) : 0;
const requests = [];
let sending = 0;

class Element extends EventTarget {
  constructor() {
    super();
    this.dataset = {};
    this.classList = { add() {}, remove() {} };
    this.value = '';
    this.parentNode = null;
  }

  append(...parts) { for (const part of parts) if (part instanceof Element) part.parentNode = this; }

  before() {}

  remove() { this.parentNode = null; }

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
    } catch (error) {
      if (sending === cut) finish('cut');
      this.onerror();
      return;
    }
    this.onload();
  }
};

function finish(state) {
  process.stdout.write(JSON.stringify({ state, requests, kept: Object.keys(kept).length, url: Object.values(kept)[0] || '' }));
  process.exit(0);
}

await import(pathToFileURL(script).href);
const stat = fs.statSync(file);
const chosen = new File([fs.readFileSync(file)], path.basename(file), { lastModified: Math.floor(stat.mtimeMs) });
const choose = new Event('change');
Object.defineProperty(choose, 'target', { value: { files: [chosen], value: '' } });
element('files').dispatchEvent(choose);

// The title of the progress says how it ended.
const watch = setInterval(() => {
  const text = element('total-text').textContent || '';
  if (/arrived$/.test(text) && !/ of /.test(text)) { clearInterval(watch); finish('arrived'); }
  if (/not sent|already there/.test(text)) { clearInterval(watch); finish(text); }
}, 20);
