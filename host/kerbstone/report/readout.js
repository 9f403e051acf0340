// A cursor over the charts of a node, with the values under it. Values are read back from the paths that draw them.
(function () {
  "use strict";
  var start = +document.body.dataset.start, us = +document.body.dataset.us, cache = new Map();
  function numbers(path) {
    if (!cache.has(path)) cache.set(path, (path.getAttribute("d").match(/-?[\d.]+/g) || []).map(Number));
    return cache.get(path);
  }
  function value(path, y) {
    var low = +path.dataset.low, high = +path.dataset.high, v = high - (y / 100) * (high - low);
    return v.toFixed(high - low > 50 ? 0 : 1) + (path.dataset.unit ? " " + path.dataset.unit : "");
  }
  function reading(path, x) {
    var stride = +path.dataset.stride, n = numbers(path), best = -1, i;
    if (!stride) return "";
    for (i = 0; i < n.length; i += stride) {
      if (path.classList.contains("band")) { if (n[i] <= x && x <= n[i] + n[i + 2]) return path.dataset.name; }
      else if (stride === 2) { if (n[i] <= x) best = i; else break; }
      else if (Math.abs(n[i] - x) < 12 && (best < 0 || Math.abs(n[i] - x) < Math.abs(n[best] - x))) best = i;
    }
    return best < 0 ? "" : path.dataset.name + " " + value(path, n[best + 1]);
  }
  function clear(node) { node.querySelectorAll(".cursor,.tip").forEach(function (e) { e.remove(); }); }
  function add(plot, name, left) {
    var e = document.createElement("div");
    e.className = name; e.style.left = left; plot.appendChild(e);
    return e;
  }
  document.querySelectorAll(".node").forEach(function (node) {
    node.addEventListener("pointermove", function (event) {
      var plot = event.target.closest && event.target.closest(".plot");
      clear(node);
      if (!plot) return;
      var box = plot.getBoundingClientRect(), x = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
      node.querySelectorAll(".plot").forEach(function (p) { add(p, "cursor", x * 100 + "%"); });
      var when = new Date((start + x * us / 1e6) * 1000).toUTCString().replace(/ \d{4} (\d\d:\d\d):\d\d GMT/, " $1");
      var told = Array.from(plot.querySelectorAll("path[data-name]"), function (p) { return reading(p, x * 1000); }).filter(Boolean);
      var tip = add(plot, "tip", "");
      tip.textContent = [when].concat(told).join("  ·  ");
      tip.style.left = Math.max(0, Math.min(box.width - tip.offsetWidth, x * box.width - tip.offsetWidth / 2)) + "px";
    });
    node.addEventListener("pointerleave", function () { clear(node); });
  });
})();
