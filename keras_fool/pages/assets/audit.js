// Sorting and filtering. Everything is on the page without this program; it only moves and hides.
(() => {
  "use strict";
  document.documentElement.classList.add("js");
  const collator = new Intl.Collator("en", { numeric: true });

  // A missing number comes last, whatever the direction.
  const byNumber = (a, b, direction) => {
    const one = a === "" ? NaN : Number(a), other = b === "" ? NaN : Number(b);
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
    return direction * (one - other);
  };

  const sortTable = (table, head, column) => {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    const direction = ascending ? 1 : -1;
    for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    const compare = head.dataset.sort === "number"
      ? (a, b) => byNumber(key(a), key(b), direction)
      : (a, b) => direction * collator.compare(key(a), key(b));
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.querySelectorAll("th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sortTable(table, head, head.cellIndex));
    }
  }

  const gallery = document.getElementById("cards");
  if (gallery) {
    const cards = [...gallery.children];
    const order = document.getElementById("order");
    const text = document.getElementById("text");
    const attack = document.getElementById("attack");
    const shown = document.getElementById("shown");
    const plain = (words) => words.normalize("NFKC").toLowerCase();
    const found = new Map(cards.map((card) => [card, plain(card.textContent)]));
    const names = new Map(cards.map((card) => [card, card.querySelector("bdi").textContent]));
    const surest = (a, b) => b.dataset.c - a.dataset.c || a.dataset.n - b.dataset.n;
    const orders = {
      surest,
      least: (a, b) => surest(b, a),
      label: (a, b) => a.dataset.n - b.dataset.n || surest(a, b),
      name: (a, b) => collator.compare(names.get(a), names.get(b)) || surest(a, b),
      attack: (a, b) => collator.compare(a.dataset.a, b.dataset.a) || surest(a, b),
    };
    let waiting = 0;
    const filter = () => {
      waiting = 0;
      const wanted = plain(text.value.trim());
      let count = 0;
      for (const card of cards) {
        card.hidden = !((!attack.value || card.dataset.a === attack.value)
          && found.get(card).includes(wanted));
        count += !card.hidden;
      }
      shown.textContent = `${count.toLocaleString("en")} of ${cards.length.toLocaleString("en")} images`;
    };
    order.addEventListener("change", () => gallery.append(...cards.sort(orders[order.value])));
    // Once a frame, as drawing thousands of images takes longer than a key.
    text.addEventListener("input", () => { waiting ||= requestAnimationFrame(filter); });
    attack.addEventListener("change", filter);
    // Browsers may keep what was chosen before the page was loaded again.
    gallery.append(...cards.sort(orders[order.value]));
    filter();
  }

  const copy = document.getElementById("copy");
  copy?.addEventListener("click", async () => {
    const command = document.getElementById("command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(command);
      copy.textContent = "Selected: copy it now";
    }
  });

  // On paper nothing can be opened. Long tables of what diagrams show stay closed.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.data)")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
})();
