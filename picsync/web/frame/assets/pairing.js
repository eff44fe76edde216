/* The pairing page: asks whether the code has been entered, and shows a new one when it has expired. ES5. */
(function () {
  "use strict";
  var settings = JSON.parse(document.getElementById("settings").textContent);
  var words = window.picsyncWords(settings.language), pair = settings.pair, failures = 0;
  var digits = document.getElementById("code"), lost = document.getElementById("lost");

  document.documentElement.lang = words.language;
  Array.prototype.forEach.call(document.querySelectorAll("[data-word]"), function (element) {
    words.fill(element, words[element.getAttribute("data-word")]);
  });

  function show(code) {
    if (digits.getAttribute("data-code") === code) { return; }
    digits.setAttribute("data-code", code);
    digits.setAttribute("aria-label", code.split("").join(" "));
    digits.textContent = "";
    code.split("").forEach(function (digit, place) {
      if (place === code.length / 2) { digits.appendChild(document.createElement("i")); }
      var cell = document.createElement("b");
      cell.textContent = digit;
      digits.appendChild(cell);
    });
    Array.prototype.forEach.call(document.querySelectorAll(".typed"), function (element) { element.textContent = code; });
  }

  function later(ms) { window.setTimeout(ask, ms); }

  function ask() {
    var request = new XMLHttpRequest(), done = false;
    function fail(seconds) {
      if (done) { return; }
      done = true;
      failures++;
      lost.hidden = failures < 3;
      later((seconds > 0 && seconds < 600 ? seconds * 1000 : 0) + Math.min(30, Math.pow(2, Math.min(failures, 5))) * 1000 * (0.5 + Math.random()));
    }
    request.onload = function () {
      if (done) { return; }
      var answer;
      try { answer = JSON.parse(request.responseText); } catch (error) { answer = null; }
      if (request.status !== 200 || !answer) { return fail(Number(request.getResponseHeader("Retry-After"))); }
      done = true;
      failures = 0;
      lost.hidden = true;
      if (answer.paired) {
        // A browser without cookies keeps the token in the address.
        if (answer.open) { window.location.replace(answer.open); } else { window.location.reload(); }
        return;
      }
      if (answer.poll) { pair.poll = answer.poll; }
      if (answer.code) { show(String(answer.code)); }
      later(2000);
    };
    request.onerror = request.onabort = function () { fail(0); };
    window.setTimeout(function () { if (!done) { request.abort(); fail(0); } }, 15000);
    request.open("GET", pair.poll + (pair.poll.indexOf("?") < 0 ? "?" : "&") + "t=" + Date.now());
    request.send();
  }

  show(String(pair.code));
  later(2000);
}());
