/* Runs before everything else, in any browser with JavaScript. Where the page's own script does not start (a
   browser too old for it, or a file that did not arrive), a plain picture that changes is shown instead. */
(function () {
  var root = document.getElementById("stage"), base = root.getAttribute("data-base"), token = root.getAttribute("data-token");
  var seconds = Number(root.getAttribute("data-interval")) || 30, number = 0, image = null;
  function turn() {
    if (window.picsyncFrame) { return; }
    if (!image) {
      image = document.createElement("img");
      image.alt = "";
      root.className = "still";
      root.appendChild(image);
      image.onload = function () { image.style.visibility = "visible"; };
    }
    number += 1;
    image.src = base + "/still?n=" + number + (token ? "&token=" + encodeURIComponent(token) : "");
    window.setTimeout(turn, seconds * 1000);
    // Whatever failed may have been repaired: load the page again after a while.
    if (number % 60 === 0) { window.location.reload(); }
  }
  window.setTimeout(turn, 15000);
}());
