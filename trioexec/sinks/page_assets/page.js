"use strict";
// The page is whole without this; it only filters, sorts and folds what is there.
(() => {
  const AT_FIRST = 24;
  const box = document.getElementById("rows");
  const rows = Array.from(box.children);
  const groups = Array.from(document.querySelectorAll("details.out"));
  const filter = document.getElementById("filter");
  const order = document.getElementById("order");
  const more = document.getElementById("more");
  const none = document.getElementById("none");
  const urgency = { failed: 0, error: 1, skipped: 2, ok: 3 };
  let all = false;

  const keys = new Map(rows.map((row, rank) => [row, {
    rank: Number(row.dataset.rank),
    at: rank,
    took: Number(row.dataset.took),
    urgency: urgency[row.dataset.verdict],
    text: Array.from(row.querySelectorAll(".name, .end"), (part) => part.textContent).join("\n").toLowerCase(),
  }]));
  const groupOf = new Map(rows.map((row) => [row, document.getElementById(row.hash.slice(1))]));
  const said = new Map(groups.map((group) => [
    group, // what stands in its heading is each node's own, and found there
    Array.from(group.querySelectorAll("pre:not(.silent)"), (part) => part.textContent).join("\n").toLowerCase(),
  ]));
  const orders = {
    worst: (a, b) => keys.get(a).at - keys.get(b).at,
    slowest: (a, b) => keys.get(b).took - keys.get(a).took || keys.get(a).rank - keys.get(b).rank,
    node: (a, b) => keys.get(a).rank - keys.get(b).rank,
  };

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    // A word is looked for once in each answer, not once for each node that gave it.
    const inAnswer = new Map(groups.map((group) => [group, words.map((word) => said.get(group).includes(word))]));
    const wanted = new Set(rows.filter((row) => {
      const found = inAnswer.get(groupOf.get(row));
      return words.every((word, at) => found[at] || keys.get(row).text.includes(word));
    }));
    const used = new Set(Array.from(wanted, (row) => groupOf.get(row)));
    let shown = 0;
    for (const row of box.children) {
      row.hidden = !(wanted.has(row) && (all || shown < AT_FIRST));
      if (!row.hidden) shown += 1;
    }
    for (const group of groups) group.hidden = !used.has(group);
    more.hidden = shown === wanted.size;
    more.textContent = `Show all ${wanted.size.toLocaleString("en")} nodes`;
    none.hidden = wanted.size > 0;
  }

  order.addEventListener("change", () => {
    box.append(...rows.slice().sort(orders[order.value]));
    show();
  });
  let waiting = 0;
  filter.addEventListener("input", () => {
    clearTimeout(waiting); // of keys typed fast, only the last one costs anything
    waiting = setTimeout(show);
  });
  more.addEventListener("click", () => { all = true; show(); });
  const open = () => {
    const group = location.hash && document.getElementById(location.hash.slice(1));
    if (group && group.tagName === "DETAILS") group.open = true;
  };
  addEventListener("hashchange", open);
  for (const part of document.querySelectorAll(".script")) part.hidden = false;
  show();
  open();
  document.documentElement.dataset.ready = "yes";
})();
