"use strict";
/* Answers without loading the page again. Everything here works by plain forms as well. */
(() => {
  const root = document.getElementById("vote");
  if (!root || !window.fetch) return;
  const form = document.getElementById("pair");
  const token = document.querySelector('meta[name="form-token"]').content;
  const base = "/api/tournaments/" + root.dataset.tournament;
  const rounds = Number(root.dataset.rounds);
  const at = (id) => document.getElementById(id);
  const photo = (which) => at("photo-" + which);
  let busy = false;

  const send = async (path, body) => {
    const response = await fetch(base + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Form-Token": token, Accept: "application/json" },
      body: body ? JSON.stringify(body) : undefined,
    });
    if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
    return response.json();
  };

  const load = (path) =>
    new Promise((resolve) => {
      const image = new Image();
      image.onload = image.onerror = resolve;
      image.src = path;
    });

  const show = async (sitting) => {
    if (sitting.finished || !sitting.pair) {
      location.href = "/champion/" + sitting.id;
      return;
    }
    const pair = sitting.pair;
    // Both photos appear together, and only once they are complete.
    await Promise.all([load(pair.left.picture), load(pair.right.picture)]);
    for (const which of ["left", "right"]) {
      const side = pair[which];
      const button = photo(which);
      button.classList.remove("chosen");
      const image = button.querySelector("img");
      image.src = side.picture;
      image.alt = side.text || "The photo on the " + which;
      button.querySelector(".text").textContent = side.text;
      const round = (points) => (points < 0 ? "" : "+") + Math.round(points);
      button.querySelector(".stake").textContent = round(side.win) + " / " + round(side.loss);
      form.elements[which].value = side.id;
    }
    form.elements.choice.value = pair.choice;
    at("progress").value = sitting.done;
    at("count").textContent = sitting.done + 1 + " of " + sitting.choices;
    if (sitting.kind === "bracket") {
      at("heading").textContent = pair.round === rounds ? "The final" : "Which one do you like better?";
    }
    at("said").textContent = "Choice " + (sitting.done + 1) + " of " + sitting.choices + ": " + photo("left").querySelector("img").alt + ", or " + photo("right").querySelector("img").alt;
    at("undo").hidden = !sitting.can_undo;
    if (at("judged")) at("judged").hidden = true;
    form.querySelector(".pair").classList.remove("swap");
  };

  const act = async (work) => {
    if (busy) return;
    busy = true;
    at("trouble").hidden = true;
    try {
      await show(await work());
    } catch (error) {
      if (error.status && error.status !== 503) {
        // It was judged elsewhere, or the session has ended: the page says which.
        location.replace(location.pathname + (error.status === 404 || error.status === 409 ? "?judged=before" : ""));
        return;
      }
      form.querySelector(".pair").classList.remove("swap");
      for (const which of ["left", "right"]) photo(which).classList.remove("chosen");
      at("trouble").textContent = "Your choice did not get through. Check the connection, then choose again.";
      at("trouble").hidden = false;
    } finally {
      busy = false;
    }
  };

  const choose = (answer) =>
    act(() => {
      if (answer === "left" || answer === "right") photo(answer).classList.add("chosen");
      form.querySelector(".pair").classList.add("swap");
      const fields = form.elements;
      return send("/answers", { choice: Number(fields.choice.value), left: fields.left.value, right: fields.right.value, answer });
    });

  form.addEventListener("submit", (event) => {
    const answer = event.submitter && event.submitter.value;
    if (!answer) return;
    event.preventDefault();
    choose(answer);
  });
  at("undo").addEventListener("submit", (event) => {
    event.preventDefault();
    act(() => send("/undo"));
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const answers = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "left", ArrowDown: "right", e: "equal", "=": "equal", s: "skip" };
    const answer = answers[event.key];
    if (answer) {
      event.preventDefault();
      choose(answer);
    } else if ((event.key === "u" || event.key === "Backspace") && !at("undo").hidden) {
      event.preventDefault();
      act(() => send("/undo"));
    }
  });
})();
