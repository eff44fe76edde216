/* What the frame shows and when. There is no DOM in this file, so that Node can run it in tests.
   The language is ES5 and no newer API is used: the oldest supported browser is the Chrome 30 of Android 4.4. */
(function (root) {
  "use strict";

  var SECOND = 1000, MINUTE = 60 * SECOND;
  var LOOK_AHEAD = 12;      // photos to look through for the second one of a pair
  var KEPT_HISTORY = 60;    // changes that "back" can go through
  var KEPT_FRESH = 20;      // new photos that are shown before their turn
  var KEPT_GOOD = 200;      // photos to go on with while the server is down: the browser has these in its cache
  var SOON = 4 * SECOND;    // a new photo waits this long, so that the one before it has been seen
  var GIVE_UP = 3;          // failures in a row before photos that have been loaded before are tried
  var STUCK = 2 * MINUTE;

  // A number from 0 to 2^32 - 1 for a text (FNV-1a, then mixed); Math.imul is missing in old browsers.
  function hash(text) {
    var h = 2166136261, i;
    for (i = 0; i < text.length; i++) {
      h = multiply(h ^ text.charCodeAt(i), 16777619);
    }
    h = multiply(h ^ (h >>> 16), 2246822507);
    h = multiply(h ^ (h >>> 13), 3266489909);
    return (h ^ (h >>> 16)) >>> 0;
  }

  function multiply(a, b) {
    return ((a & 65535) * b + ((((a >>> 16) * b) & 65535) << 16)) | 0;
  }

  function has(object, key) {
    return Object.prototype.hasOwnProperty.call(object, key);
  }

  // "2026-08-01T12:30:00" is what the camera's clock showed; a zone behind it is not looked at.
  function takenDate(text) {
    var m = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?/.exec(text || "");
    if (!m) { return null; }
    var date = new Date(+m[1], m[2] - 1, +m[3], +(m[4] || 0), +(m[5] || 0), +(m[6] || 0));
    return date.getMonth() === m[2] - 1 ? date : null;
  }

  function age(photo) {
    var date = takenDate(photo.taken);
    return date ? date.getTime() : (photo.added || 0) * SECOND;
  }

  /* The order of photos. It goes through all of them before it starts again, whatever is added or removed
     meanwhile. `place` is where an earlier page stopped: {seed, id}. */
  function Order(kind, random, place) {
    this.kind = kind;
    this.random = random;
    this.seed = place && place.seed || this._newSeed();
    this.last = place && place.id || null;
    this.photos = [];      // as received
    this.list = [];        // in order
    this.known = null;     // id -> photo
    this.index = -1;       // of the last photo taken from the list
    this.ahead = {};       // ids behind the index that have been taken before their turn
    this.fresh = [];       // ids that have arrived while the page was open
  }

  Order.prototype._newSeed = function () {
    return Math.floor(this.random() * 1e9).toString(36);
  };

  Order.prototype._sort = function () {
    var kind = this.kind, seed = this.seed;
    var keyed = this.photos.map(function (photo, i) {
      var key = kind === "random" ? hash(seed + photo.id) : kind === "newest" ? -age(photo) : i;
      return { key: key, place: i, photo: photo };
    });
    keyed.sort(function (a, b) { return a.key - b.key || a.place - b.place; });
    this.list = keyed.map(function (item) { return item.photo; });
  };

  Order.prototype._find = function (id) {
    for (var i = 0; i < this.list.length; i++) {
      if (this.list[i].id === id) { return i; }
    }
    return -1;
  };

  // Take over a list of photos; what is new in it comes first. Returns whether anything is new.
  Order.prototype.update = function (photos) {
    var first = this.known === null, before = this.known || {}, old = this.list, i, found, known = {}, self = this;
    this.photos = photos.filter(function (photo) {
      if (!photo || !photo.id || !photo.url || has(known, photo.id)) { return false; }
      known[photo.id] = photo;
      return true;
    });
    this.known = known;
    this._sort();
    if (first) {
      this.index = this.last === null ? -1 : this._find(this.last);
      if (this.index < 0 && this.last !== null && this.kind === "random") {
        found = hash(this.seed + this.last);
        while (this.index + 1 < this.list.length && hash(this.seed + this.list[this.index + 1].id) < found) { this.index++; }
      }
      return false;
    }
    for (i = this.index; i >= 0 && i < old.length && !has(known, old[i].id); i--) { /* the nearest that is left */ }
    this.index = i >= 0 && i < old.length ? this._find(old[i].id) : -1;
    Object.keys(this.ahead).forEach(function (id) {
      if (!has(known, id)) { delete self.ahead[id]; }
    });
    var news = this.list.filter(function (photo) { return !has(before, photo.id); }).map(function (photo) { return photo.id; });
    this.fresh = this.fresh.filter(function (id) { return has(known, id); }).concat(news).slice(0, KEPT_FRESH);
    return news.length > 0;
  };

  Order.prototype._early = function (id) {
    if (this._find(id) > this.index) { this.ahead[id] = true; }
    return this.known[id];
  };

  // The next photo, or null without any.
  Order.prototype.next = function () {
    var photo, tries;
    if (this.fresh.length) { return this._early(this.fresh.shift()); }
    if (!this.list.length) { return null; }
    for (tries = 0; tries <= 2 * this.list.length; tries++) {
      this.index++;
      if (this.index >= this.list.length) { this._again(); }
      photo = this.list[this.index];
      if (!has(this.ahead, photo.id)) { break; }
      delete this.ahead[photo.id];
    }
    this.last = photo.id;
    return photo;
  };

  Order.prototype._again = function () {
    var last = this.list[this.list.length - 1].id, tries;
    this.index = 0;
    this.ahead = {};
    if (this.kind !== "random") { return; }
    for (tries = 0; tries < 20; tries++) {
      this.seed = this._newSeed();
      this._sort();
      if (this.list[0].id !== last) { return; }
    }
  };

  // A photo from a few places further on that passes the test; it is left out when its turn comes.
  Order.prototype.partner = function (test) {
    var i, photo;
    for (i = 0; i < this.fresh.length; i++) {
      photo = this.known[this.fresh[i]];
      if (test(photo)) {
        this.fresh.splice(i, 1);
        return this._early(photo.id);
      }
    }
    for (i = this.index + 1; i < this.list.length && i <= this.index + LOOK_AHEAD; i++) {
      photo = this.list[i];
      if (!has(this.ahead, photo.id) && test(photo)) {
        this.ahead[photo.id] = true;
        return photo;
      }
    }
    return null;
  };

  Order.prototype.place = function () {
    return { seed: this.seed, id: this.last };
  };

  /* Decides what is shown. It asks `view` for everything that a browser does:
       view.now(), view.later(ms, f) -> handle, view.cancel(handle), view.random()
       view.panel() -> {width, height}
       view.load(photo, done(picture or null))     one picture, completely; null if it failed
       view.show(group, done())                    change to [{photo, picture}, ...]
       view.empty(bool), view.changed()            there is nothing to show; something has changed */
  function Player(view, settings, order) {
    this.view = view;
    this.settings = settings;
    this.order = order;
    this.photos = {};
    this.count = 0;
    this.current = null;     // the group on the screen
    this.ready = null;       // the group that has been loaded to be next
    this.history = [];       // ids of groups
    this.at = -1;            // place of `current` in the history
    this.later = [];         // photos that were picked to be next, before something else came first
    this.good = [];          // ids that have been loaded
    this.failures = 0;       // in a row
    this.paused = false;
    this.resting = false;    // at night, and while nobody can see the page
    this.changes = 0;
    this._picked = null;     // the photos of the load under way
    this._turn = 0;          // tells a load that something else has been asked for
    this._loading = 0;       // since when; 0: not at all
    this._showing = 0;
    this._due = false;
    this._dueAt = 0;
    this._timer = null;
  }

  Player.prototype.interval = function () {
    return this.settings.interval * SECOND;
  };

  Player.prototype.update = function (photos) {
    var self = this, news = this.order.update(photos);
    this.photos = this.order.known;
    this.count = this.order.list.length;
    this.good = this.good.filter(function (id) { return has(self.photos, id); });
    if (this.ready && (news || !this._valid(this.ready))) { this._drop(); }
    this.view.empty(this.count === 0);
    if (!this.count) {
      this.current = null;
      this._drop();
      this.later = [];
      this._clear();
    } else if (!this.current || !this._valid(this.current)) {
      this._due = true;
    } else if (news && !this.paused) {
      this._arm(Math.min(this._left(), SOON));
    }
    this._prepare();
    this.view.changed();
  };

  Player.prototype._valid = function (group) {
    var photos = this.photos;
    return group.every(function (item) { return has(photos, item.photo.id); });
  };

  // Forget the load under way; its photos come later.
  Player.prototype._cancel = function () {
    if (this._picked) { this.later = [this._picked].concat(this.later).slice(0, KEPT_FRESH); }
    this._picked = null;
    this._turn++;
    this._loading = 0;
  };

  Player.prototype._drop = function () {
    this._cancel();
    if (this.ready) {
      this.later.unshift(this.ready.map(function (item) { return item.photo; }));
      this._forget(this.ready);
    }
    this.ready = null;
  };

  Player.prototype._clear = function () {
    this.view.cancel(this._timer);
    this._timer = null;
    this._dueAt = 0;
  };

  Player.prototype._left = function () {
    return this._dueAt ? Math.max(0, this._dueAt - this.view.now()) : this.interval();
  };

  Player.prototype._arm = function (ms) {
    var self = this;
    this._clear();
    if (this.paused || this.resting) { return; }
    this._dueAt = this.view.now() + ms;
    this._timer = this.view.later(ms, function () {
      self._timer = null;
      self.advance();
    });
  };

  // Whether half of the panel suits this photo better than the whole.
  function splits(photo, panel) {
    var ratio = photo.width / photo.height, wide = panel.width / panel.height;
    return wide > 1.2 ? ratio < 0.9 : wide < 0.84 ? ratio > 1.1 : false;
  }

  Player.prototype._pick = function () {
    var panel = this.view.panel(), photos = this.photos, photo, other;
    if (this.failures >= GIVE_UP && this.good.length) {
      photo = this.photos[this.good.shift()];
      this.good.push(photo.id);
      if (this.current && this.current[0].photo.id === photo.id && this.good.length > 1) {
        photo = this.photos[this.good[0]];
      }
      return [photo];
    }
    while (this.later.length && !this.order.fresh.length) {
      other = this.later.shift().filter(function (candidate) { return has(photos, candidate.id); });
      if (other.length) { return other; }
    }
    photo = this.order.next();
    if (!photo) { return null; }
    other = null;
    if (this.settings.pairs && splits(photo, panel)) {
      other = this.order.partner(function (candidate) {
        return candidate.id !== photo.id && splits(candidate, panel);
      });
    }
    return other ? [photo, other] : [photo];
  };

  // Load the next group, unless that is done or under way.
  Player.prototype._prepare = function () {
    var self = this, photos, turn;
    if (this.ready || this._loading || this._showing || this.resting || !this.count) {
      if (this.ready && this._due) { this.advance(); }
      return;
    }
    photos = this._pick();
    if (!photos) { return; }
    turn = ++this._turn;
    this._picked = photos;
    this._loading = this.view.now();
    this._load(photos, function (group) {
      if (turn !== self._turn) { return self._forget(group); }
      self._picked = null;
      self._loading = 0;
      if (group.length) {
        self.failures = 0;
        self.ready = group;
        if (self._due) { self.advance(); }
        return;
      }
      self.failures++;
      if (self.failures < GIVE_UP + Math.min(self.good.length, 5)) { return self._prepare(); }
      self._loading = self.view.now();
      self.view.later(backoff(self.failures - GIVE_UP, self.view.random), function () {
        if (turn !== self._turn) { return; }
        self._loading = 0;
        self._prepare();
      });
    });
  };

  // Load these photos; `done` gets those that could be loaded.
  Player.prototype._load = function (photos, done) {
    var self = this, group = [], missing = photos.length;
    photos.forEach(function (photo, place) {
      self.view.load(photo, function (picture) {
        if (picture) {
          group[place] = { photo: photo, picture: picture };
          self._learn(photo.id);
        }
        if (--missing === 0) { done(group.filter(Boolean)); }
      });
    });
  };

  Player.prototype._learn = function (id) {
    var place = this.good.indexOf(id);
    if (place >= 0) { this.good.splice(place, 1); }
    this.good.push(id);
    if (this.good.length > KEPT_GOOD) { this.good.shift(); }
  };

  Player.prototype._forget = function (group) {
    if (group.length && this.view.release) { this.view.release(group); }
  };

  // Go on: through the history first, after somebody has gone back in it.
  Player.prototype.advance = function () {
    if (this.resting || this._showing) {
      this._due = true;
      return;
    }
    if (this.at < this.history.length - 1) { return this._recall(1); }
    if (!this.ready) {
      this._due = true;
      return this._prepare();
    }
    var group = this.ready;
    this.ready = null;
    this._due = false;
    if (!this._valid(group)) { this._due = true; this._forget(group); return this._prepare(); }
    if (same(group, this.current)) {
      this._forget(group);
      return this._arm(this.interval());
    }
    this._show(group);
  };

  // `at`: the group's place in the history; otherwise it becomes its end.
  Player.prototype._show = function (group, at) {
    var self = this;
    if (at === undefined) {
      this.history.push(ids(group));
      if (this.history.length > KEPT_HISTORY) { this.history.shift(); }
    }
    this.at = at === undefined ? this.history.length - 1 : at;
    this.current = group;
    this.changes++;
    this._due = false;
    this._showing = this.view.now();
    this._clear();
    this.view.show(group, function () {
      self._showing = 0;
      self._prepare();
    });
    this._arm(this.interval());
    this.view.changed();
  };

  function ids(group) {
    return group.map(function (item) { return item.photo.id; });
  }

  function same(a, b) {
    return !!a && !!b && ids(a).join("\n") === ids(b).join("\n");
  }

  // Show what was there `by` changes before or after the current one.
  Player.prototype._recall = function (by) {
    var photos = this.photos, at = this.at, found = [];
    do {
      at += by;
      if (at < 0 || at >= this.history.length) { break; }
      found = this.history[at].filter(function (id) { return has(photos, id); });
    } while (!found.length);
    if (!found.length) {
      this.at = by > 0 ? this.history.length - 1 : this.at;
      if (by > 0) { this.advance(); }
      return;
    }
    this._request(found.map(function (id) { return photos[id]; }), at);
  };

  // Load and show these photos now. `at`: their place in the history; otherwise they become its end.
  Player.prototype._request = function (photos, at) {
    var self = this, turn;
    this._cancel();
    turn = ++this._turn;
    this._loading = this.view.now();
    this._load(photos, function (group) {
      if (turn !== self._turn) { return self._forget(group); }
      self._loading = 0;
      if (!group.length || self.resting || self._showing) {
        self._forget(group);
        if (at !== undefined) { self.at = at; }
        self._arm(Math.min(self._left(), self.interval()));
        return self._prepare();
      }
      self._show(group, at);
    });
  };

  Player.prototype.next = function () { this.advance(); };

  Player.prototype.previous = function () {
    if (!this._showing && this.at > 0) { this._recall(-1); }
  };

  Player.prototype.show = function (id) {
    if (has(this.photos, id) && !this._showing) { this._request([this.photos[id]]); }
  };

  Player.prototype.pause = function (on) {
    if (this.paused === on) { return; }
    this.paused = on;
    if (on) { this._clear(); } else { this._arm(Math.min(this.interval(), SOON)); }
    this.view.changed();
  };

  // At night, and while nobody can see the page, nothing is loaded or changed.
  Player.prototype.rest = function (on) {
    if (this.resting === on) { return; }
    this.resting = on;
    if (on) {
      this._clear();
      return;
    }
    if (!this.current) { this._due = true; }
    this._prepare();
    if (this.current && !this.paused) { this._arm(Math.min(this.interval(), SOON)); }
  };

  // Called now and then: a lost timer or a load that never ends must not stop the frame.
  Player.prototype.check = function () {
    var now = this.view.now();
    if (this.resting || !this.count) { return; }
    if (this._showing && (now - this._showing > STUCK || now < this._showing)) { this._showing = 0; }
    if (this._loading && (now - this._loading > 3 * STUCK || now < this._loading)) { this._picked = null; this._cancel(); }
    if (!this.paused && this.current && (!this._dueAt || this._dueAt - now > this.interval())) { this._arm(this.interval()); }
    if (!this.paused && this._dueAt && now > this._dueAt + SECOND) { this._clear(); this.advance(); this._arm(this.interval()); }
    this._prepare();
  };

  // Milliseconds to wait after so many failures: 1, 2, 4 ... 120 s, each between half and one and a half of it.
  function backoff(failures, random) {
    return Math.min(120, Math.pow(2, Math.min(failures, 8))) * SECOND * (0.5 + random());
  }

  // Whether `date` is in the night hours "22:00-06:30"; "" has none.
  function isNight(hours, date) {
    var m = /^(\d\d?):(\d\d)-(\d\d?):(\d\d)$/.exec(hours || "");
    if (!m) { return false; }
    var from = m[1] * 60 + +m[2], to = m[3] * 60 + +m[4], at = date.getHours() * 60 + date.getMinutes();
    return from <= to ? at >= from && at < to : at >= from || at < to;
  }

  /* Where photos go: for each a box on the panel, and the picture's own rectangle relative to the box, which it
     covers. `sizes`: [{width, height}, ...]; gap in pixels. */
  function layout(panel, sizes, fit, gap) {
    var wide = panel.width >= panel.height, n = sizes.length;
    return sizes.map(function (size, i) {
      var cell = { x: 0, y: 0, width: panel.width, height: panel.height };
      if (n > 1 && wide) {
        cell.width = (panel.width - gap) / 2;
        cell.x = i * (cell.width + gap);
      } else if (n > 1) {
        cell.height = (panel.height - gap) / 2;
        cell.y = i * (cell.height + gap);
      }
      var ratio = size.width / size.height, seen = ratio / (cell.width / cell.height);
      if (seen > 1) { seen = 1 / seen; }
      // Less than 2 % of bars looks like a mistake.
      var least = fit === "cover" ? 0 : fit === "contain" ? 0.98 : n > 1 ? 0.7 : 0.8;
      var box = cell;
      if (seen < least) {
        var scale = Math.min(cell.width / size.width, cell.height / size.height);
        box = { width: Math.round(size.width * scale), height: Math.round(size.height * scale) };
        box.x = cell.x + Math.round((cell.width - box.width) * (n > 1 && wide ? 1 - i : 0.5));
        box.y = cell.y + Math.round((cell.height - box.height) * (n > 1 && !wide ? 1 - i : 0.5));
      }
      var cover = Math.max(box.width / size.width, box.height / size.height);
      var picture = { width: Math.ceil(size.width * cover), height: Math.ceil(size.height * cover) };
      picture.x = (box.width - picture.width) / 2;
      // Heads are rather in the upper part of a picture.
      picture.y = (box.height - picture.height) * 0.4;
      return { x: box.x, y: box.y, width: box.width, height: box.height, picture: picture, full: seen >= least && n === 1 };
    });
  }

  /* A slow movement of a picture in its box, as {from, to}: {x, y, scale}, about the picture's centre. Nothing
     but the picture is ever seen in the box. */
  function motion(place, random) {
    var zoom = 1.06 + 0.03 * random(), into = random() < 0.5, way = random() < 0.5 ? -1 : 1;
    function limits(length, size, offset, scale) {
      // The picture's edges stay outside of the box: its near edge at or before 0, its far edge at or behind `length`.
      var grown = size * (scale - 1) / 2;
      return { low: length - size - grown - offset, high: grown - offset };
    }
    function shift(length, size, offset, scale, part) {
      var free = limits(length, size, offset, scale), most = 0.16 * length;
      return Math.max(Math.max(free.low, -most), Math.min(Math.min(free.high, most), part * (part < 0 ? -free.low : free.high)));
    }
    function at(scale, part) {
      var p = place.picture;
      return {
        x: shift(place.width, p.width, p.x, scale, part),
        y: shift(place.height, p.height, p.y, scale, part * 0.8),
        scale: scale
      };
    }
    return into ? { from: at(1, -way * 0.9), to: at(zoom, way * 0.9) } : { from: at(zoom, -way * 0.9), to: at(1, way * 0.9) };
  }

  var logic = {
    Order: Order, Player: Player, backoff: backoff, hash: hash, isNight: isNight, layout: layout, motion: motion,
    takenDate: takenDate
  };
  if (typeof module === "object" && module.exports) { module.exports = logic; } else { root.picsyncLogic = logic; }
}(this));
