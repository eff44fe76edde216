// Tests of logic.js in Node, without a browser: `node --test`-like, but one process and no files. Prints what failed.
"use strict";
const assert = require("assert"), path = require("path"), logic = require(process.argv[2]);
const { Order, Player, backoff, isNight, layout, motion, takenDate } = logic;
const tests = {};

// Numbers in [0, 1) that are the same each time.
function seeded(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 4294967296;
  };
}

const photo = (id, more) => ({ id: String(id), url: `/p/${id}`, width: 1600, height: 1000, added: 1000, taken: null, ...more });
const photos = (n, more) => Array.from({ length: n }, (_, i) => photo(i, more && more(i)));
const taken = (order, n) => Array.from({ length: n }, () => order.next().id);

// A browser with a clock of its own: what is loaded fails as told, and each test says when time passes.
class World {
  constructor(settings = {}, place = null) {
    this.time = 1e12; this.timers = []; this.number = 0; this.screen = []; this.log = []; this.alive = new Set();
    this.broken = () => false; this.loadMs = 5; this.size = { width: 1280, height: 800 }; this.isEmpty = null;
    this.settings = { interval: 30, transitionTime: 1, pairs: true, ...settings };
    this.random = seeded(7);
    const order = new Order(this.settings.order || "random", this.random, place), world = this;
    this.player = new Player({
      now: () => this.time,
      later: (ms, f) => { const handle = ++this.number; this.timers.push({ at: this.time + ms, f, handle }); return handle; },
      cancel: (handle) => { this.timers = this.timers.filter((timer) => timer.handle !== handle); },
      random: () => this.random(),
      panel: () => this.size,
      load(photo, done) {
        const broken = world.broken(photo);
        this.later(world.loadMs, () => {
          if (broken) return done(null);
          const picture = { id: photo.id };
          world.alive.add(picture);
          done(picture);
        });
      },
      show(group, done) {
        const before = world.screen;
        world.screen = group;
        world.log.push({ ids: group.map((item) => item.photo.id), at: world.time });
        this.later(1000, () => { if (before.length) this.release(before); done(); });
      },
      release: (group) => group.forEach((item) => { this.alive.delete(item.picture); item.picture = null; }),
      empty: (on) => { this.isEmpty = on; },
      changed() {},
    }, this.settings, order);
  }
  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      this.timers.sort((a, b) => a.at - b.at || a.handle - b.handle);
      if (!this.timers.length || this.timers[0].at > end) break;
      const timer = this.timers.shift();
      this.time = Math.max(this.time, timer.at);
      timer.f();
    }
    this.time = end;
  }
  shown() { return this.screen.map((item) => item.photo.id).join("+"); }
}

tests["random order shows every photo once before any again"] = () => {
  const order = new Order("random", seeded(1));
  order.update(photos(50));
  for (let round = 0; round < 5; round++) assert.equal(new Set(taken(order, 50)).size, 50);
};

tests["a new round never begins with the photo that ended the last one"] = () => {
  for (let seed = 0; seed < 200; seed++) {
    const order = new Order("random", seeded(seed));
    order.update(photos(3));
    const ids = taken(order, 12);
    ids.forEach((id, i) => assert.ok(i === 0 || id !== ids[i - 1], ids.join(" ")));
  }
};

tests["random order is fair: each photo is first about equally often"] = () => {
  const first = {};
  for (let seed = 0; seed < 4000; seed++) {
    const order = new Order("random", seeded(seed * 7919 + 1));
    order.update(photos(4));
    const id = order.next().id;
    first[id] = (first[id] || 0) + 1;
  }
  for (const id of ["0", "1", "2", "3"]) assert.ok(first[id] > 850 && first[id] < 1150, JSON.stringify(first));
};

tests["newest order follows the camera's time, or the time of adding"] = () => {
  const order = new Order("newest", seeded(1));
  order.update([photo("old", { taken: "2001-01-01T00:00:00" }), photo("added", { added: 1.6e9 }), photo("new", { taken: "2026-01-01T00:00:00" })]);
  assert.deepEqual(taken(order, 3), ["new", "added", "old"]);
};

tests["album order is the album's, whatever comes and goes"] = () => {
  const order = new Order("album", seeded(1));
  order.update(photos(6));
  assert.deepEqual(taken(order, 3), ["0", "1", "2"]);
  order.update(photos(6).filter((each) => each.id !== "1" && each.id !== "2" && each.id !== "3"));
  assert.deepEqual(taken(order, 3), ["4", "5", "0"]);
};

tests["new photos come first, and are not shown again in the same round"] = () => {
  const order = new Order("album", seeded(1));
  order.update(photos(4));
  order.next();
  assert.equal(order.update([...photos(4), photo("fresh")]), true);
  assert.deepEqual(taken(order, 6), ["fresh", "1", "2", "3", "0", "1"]);
};

tests["a page that is opened again goes on where it was"] = () => {
  const order = new Order("random", seeded(1));
  order.update(photos(20));
  const ids = taken(order, 8), again = new Order("random", seeded(2), order.place());
  // The last photo may be gone meanwhile.
  again.update(photos(20).filter((each) => each.id !== ids[7]));
  assert.equal(new Set([...ids, ...taken(again, 12)]).size, 20);
};

tests["nonsense in the list of photos is left out"] = () => {
  const order = new Order("album", seeded(1));
  order.update([null, {}, photo(1), photo(1), { id: "x" }, photo("__proto__"), photo("toString")]);
  assert.deepEqual(taken(order, 3), ["1", "__proto__", "toString"]);
};

tests["two upright photos share a wide panel, each still once a round"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9, (i) => (i % 3 ? {} : { width: 1000, height: 1500 })));
  world.pass(8 * 30000);
  const ids = world.log.flatMap((each) => each.ids);
  assert.deepEqual(world.log[0].ids, ["0", "3"]);
  assert.deepEqual(ids.slice(0, 9).sort(), photos(9).map((each) => each.id));
};

tests["a photo changes after each interval"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(4));
  world.pass(100 * 1000);
  assert.deepEqual(world.log.map((each) => [each.ids[0], each.at - 1e12]), [["0", 5], ["1", 30005], ["2", 60005], ["3", 90005]]);
};

tests["a broken photo is passed over, without a gap"] = () => {
  const world = new World({ order: "album" });
  world.broken = (each) => each.id === "1";
  world.player.update(photos(3));
  world.pass(120 * 1000);
  assert.deepEqual(world.log.map((each) => each.ids[0]), ["0", "2", "0", "2"]);
};

tests["without a server, photos loaded before go on"] = () => {
  const world = new World({ order: "album" }), known = new Set();
  world.broken = (each) => !known.has(each.id) && known.size >= 4 || (known.add(each.id), false);
  world.player.update(photos(100));
  world.pass(3600 * 1000);
  const late = world.log.filter((each) => each.at > 1e12 + 1800000);
  assert.ok(late.length > 50, `${late.length} changes`);
  late.forEach((each, i) => assert.ok(i === 0 || each.ids[0] !== late[i - 1].ids[0]));
};

tests["when nothing loads, attempts become rare and the photo stays"] = () => {
  const world = new World({ order: "album" });
  let attempts = 0, down = false;
  world.broken = () => { attempts += down; return down; };
  world.player.update(photos(50));
  world.pass(10000);
  down = true;
  world.pass(24 * 3600 * 1000);
  assert.ok(attempts < 24 * 60 * 4, `${attempts} attempts in a day`);
  assert.ok(world.shown() !== "");
  down = false;
  world.pass(5 * 60 * 1000);
  assert.ok(world.log.length > 5);
};

tests["an empty album is said, and its first photo appears by itself"] = () => {
  const world = new World();
  world.player.update([]);
  assert.equal(world.isEmpty, true);
  world.player.update([photo(1)]);
  world.pass(50);
  assert.equal(world.isEmpty, false);
  assert.equal(world.shown(), "1");
};

tests["a single photo is not faded into itself"] = () => {
  const world = new World();
  world.player.update([photo(1)]);
  world.pass(3600 * 1000);
  assert.equal(world.log.length, 1);
  assert.ok(world.alive.size <= 2);
};

tests["a removed photo leaves the screen at once"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(4));
  world.pass(5000);
  world.player.update(photos(4).slice(1));
  world.pass(1200);
  assert.equal(world.shown(), "1");
};

tests["a new photo appears within five seconds"] = () => {
  const world = new World({ order: "album", interval: 3600 });
  world.player.update(photos(4));
  world.pass(60000);
  world.player.update([...photos(4), photo("fresh")]);
  world.pass(5000);
  assert.equal(world.shown(), "fresh");
};

tests["back goes back, next goes forward again"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9));
  world.pass(65000);
  assert.equal(world.shown(), "2");
  world.player.previous(); world.pass(1100);
  world.player.previous(); world.pass(1100);
  assert.equal(world.shown(), "0");
  world.player.previous(); world.pass(1100);
  assert.equal(world.shown(), "0");
  world.player.next(); world.pass(1100);
  assert.equal(world.shown(), "1");
  world.pass(90000);
  assert.deepEqual(world.log.slice(-3).map((each) => each.ids[0]), ["2", "3", "4"]);
};

tests["pause stops, keys still work, and resume goes on"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9));
  world.pass(1000);
  world.player.pause(true);
  world.pass(3600 * 1000);
  assert.equal(world.shown(), "0");
  world.player.next(); world.pass(1100);
  world.pass(3600 * 1000);
  assert.equal(world.shown(), "1");
  world.player.pause(false);
  world.pass(5000);
  assert.equal(world.shown(), "2");
};

tests["show brings a photo to the screen"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9));
  world.pass(2000);
  world.player.show("7"); world.pass(1100);
  assert.equal(world.shown(), "7");
  world.player.show("unknown"); world.pass(1100);
  assert.equal(world.shown(), "7");
};

tests["at night nothing is loaded or changed"] = () => {
  const world = new World({ order: "album" });
  let loads = 0;
  world.broken = () => { loads++; return false; };
  world.player.update(photos(9));
  world.pass(5000);
  world.player.rest(true);
  const before = loads;
  world.pass(8 * 3600 * 1000);
  world.player.check();
  assert.equal(loads, before);
  assert.equal(world.log.length, 1);
  world.player.rest(false);
  world.pass(5000);
  assert.equal(world.log.length, 2);
};

tests["a lost timer does not stop the frame"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9));
  world.pass(5000);
  world.timers = [];
  world.pass(60000);
  assert.equal(world.log.length, 1);
  world.player.check();
  world.pass(1000);
  assert.equal(world.log.length, 2);
};

tests["a load that never ends does not stop the frame"] = () => {
  const world = new World({ order: "album" });
  world.player.update(photos(9));
  world.pass(1500);
  const load = world.player.view.load;
  world.player.view.load = () => {};
  world.pass(60000);
  world.player.view.load = load;
  for (let i = 0; i < 40; i++) { world.pass(15000); world.player.check(); }
  assert.ok(world.log.length > 3, `${world.log.length}`);
};

tests["ten thousand changes keep no more than three groups of pictures"] = () => {
  const world = new World({ order: "random", interval: 3 });
  const failing = seeded(99);
  world.broken = () => failing() < 0.1;
  let list = photos(500, (i) => (i % 4 ? {} : { width: 900, height: 1200 }));
  world.player.update(list);
  let most = 0;
  for (let i = 0; world.player.changes < 10000 && i < 60000; i++) {
    world.pass(3000);
    if (i % 50 === 0) { list = list.slice(1).concat(photo(`n${i}`)); world.player.update(list); }
    if (i % 97 === 0) world.player.previous();
    if (i % 101 === 0) world.player.show(list[i % list.length].id);
    if (i % 203 === 0) { world.player.rest(true); world.pass(10000); world.player.rest(false); }
    if (i % 5 === 0) world.player.check();
    most = Math.max(most, world.alive.size);
  }
  assert.ok(world.player.changes >= 10000, `${world.player.changes} changes`);
  assert.ok(most <= 6, `${most} pictures at once`);
  assert.ok(world.timers.length < 10, `${world.timers.length} timers`);
  assert.ok(world.player.history.length <= 60 && world.player.good.length <= 200);
  assert.ok(Object.keys(world.player.order.ahead).length <= 32);
};

tests["a frame shows something at each moment, whatever fails and comes and goes"] = () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World({ order: ["random", "album", "newest"][seed % 3], interval: 5 }), dice = seeded(seed);
    let list = photos(1 + Math.floor(dice() * 12), () => (dice() < 0.4 ? { width: 3, height: 4 } : {})), down = 0;
    world.broken = () => dice() < down;
    world.player.update(list);
    world.pass(3000);
    for (let step = 0; step < 300; step++) {
      const what = Math.floor(dice() * 9);
      if (what === 0) down = dice() < 0.5 ? 0 : dice();
      if (what === 1) world.player.update((list = list.concat(photo(`s${step}`))));
      if (what === 2 && list.length > 1) world.player.update((list = list.filter(() => dice() < 0.8).concat(photo(`r${step}`))));
      if (what === 3) world.player.next();
      if (what === 4) world.player.previous();
      if (what === 5) world.player.pause(dice() < 0.5);
      if (what === 6) world.player.show(list[Math.floor(dice() * list.length)].id);
      if (what === 7) { world.player.rest(true); world.pass(dice() * 9000); world.player.rest(false); }
      if (what === 8) world.player.check();
      world.pass(dice() * 12000);
      assert.ok(world.screen.length && world.screen.every((item) => item.picture), `seed ${seed}, step ${step}: nothing on the screen`);
      assert.ok(world.alive.size <= 6, `seed ${seed}, step ${step}: ${world.alive.size} pictures`);
    }
    down = 0;
    world.player.pause(false);
    const before = world.log.length;
    for (let i = 0; i < 100; i++) { world.pass(5000); world.player.check(); }
    assert.ok(list.length < 3 || world.log.length - before > 40, `seed ${seed}: stuck at ${world.log.length - before}`);
  }
};

tests["night hours"] = () => {
  const at = (h, m) => new Date(2026, 0, 5, h, m);
  assert.ok(isNight("22:00-06:30", at(22, 0)) && isNight("22:00-06:30", at(0, 0)) && isNight("22:00-06:30", at(6, 29)));
  assert.ok(!isNight("22:00-06:30", at(6, 30)) && !isNight("22:00-06:30", at(21, 59)));
  assert.ok(isNight("13:00-14:00", at(13, 30)) && !isNight("13:00-14:00", at(14, 0)));
  for (const none of ["", null, undefined, "x", "22:00", "08:00-08:00"]) assert.ok(!isNight(none, at(8, 0)), none);
};

tests["back-off grows to two minutes, with jitter"] = () => {
  assert.equal(backoff(0, () => 0.5), 1000);
  assert.equal(backoff(3, () => 0.5), 8000);
  assert.equal(backoff(900, () => 0.5), 120000);
  assert.ok(backoff(-2, () => 0.5) > 0);
  assert.ok(backoff(5, () => 0) < backoff(5, () => 0.9));
};

tests["the camera's time is taken as it is; nonsense is none"] = () => {
  assert.equal(takenDate("2026-08-01T12:30:00").getHours(), 12);
  assert.equal(takenDate("2026-08-01T12:30:00+05:00").getHours(), 12);
  assert.equal(takenDate("2026-08-01").getDate(), 1);
  for (const none of [null, "", "x", "2026-13-01T00:00:00", "2026-02-31", 5]) assert.equal(takenDate(none), null, String(none));
};

tests["no part of a photo's box is ever without the photo"] = () => {
  const random = seeded(3);
  for (let i = 0; i < 20000; i++) {
    const panel = { width: 320 + Math.floor(random() * 3500), height: 320 + Math.floor(random() * 2000) };
    const sizes = Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({ width: 50 + random() * 5000, height: 50 + random() * 5000 }));
    const fit = ["auto", "cover", "contain"][i % 3];
    for (const place of layout(panel, sizes, fit, 6)) {
      const p = place.picture, move = motion(place, random);
      assert.ok(place.x >= 0 && place.y >= 0 && place.x + place.width <= panel.width + 1 && place.y + place.height <= panel.height + 1);
      for (const at of [{ x: 0, y: 0, scale: 1 }, move.from, move.to]) {
        const left = p.x + at.x - p.width * (at.scale - 1) / 2, top = p.y + at.y - p.height * (at.scale - 1) / 2;
        assert.ok(left <= 0.01 && top <= 0.01, `${fit} ${JSON.stringify([place, at])}`);
        assert.ok(left + p.width * at.scale >= place.width - 0.01 && top + p.height * at.scale >= place.height - 0.01);
      }
    }
  }
};

tests["contain shows all of a photo, cover fills the panel"] = () => {
  const [contain] = layout({ width: 1280, height: 800 }, [{ width: 1000, height: 1500 }], "contain", 6);
  assert.deepEqual([contain.width, contain.height], [533, 800]);
  const [cover] = layout({ width: 1280, height: 800 }, [{ width: 1000, height: 1500 }], "cover", 6);
  assert.deepEqual([cover.width, cover.height, cover.full], [1280, 800, true]);
  const [sliver] = layout({ width: 1280, height: 800 }, [{ width: 1270, height: 800 }], "contain", 6);
  assert.equal(sliver.full, true);
};

const failed = [];
for (const [name, test] of Object.entries(tests)) {
  try { test(); } catch (error) { failed.push({ name, error: String(error.stack).slice(0, 1500) }); }
}
console.log(JSON.stringify({ ran: Object.keys(tests).length, failed }));
