"use strict";
(() => {
  const form = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const areas = [...document.querySelectorAll("details.area")].map((element) => ({
    element,
    open: undefined,
    checks: [...element.querySelectorAll("details.check")].map((check) => ({
      element: check, text: undefined,
    })),
  }));
  const all = areas.flatMap((area) => area.checks);
  const groups = ["status", "profile", "dialect"].map((name) => ({
    name, boxes: [...form.querySelectorAll(`input[name=${name}]`)],
  }));

  let filtered = false;

  // Read when it is first searched: most visitors never do.
  const textOf = (check) => (check.text ??= check.element.textContent.toLowerCase());

  const apply = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = groups
      .filter(({ boxes }) => boxes.some((box) => !box.checked))
      .map(({ name, boxes }) => [name, new Set(boxes.filter((b) => b.checked).map((b) => b.value))]);
    const before = filtered;
    filtered = words.length > 0 || wanted.length > 0;
    let count = 0;
    for (const area of areas) {
      let some = false;
      for (const check of area.checks) {
        const fits = wanted.every(([name, values]) => values.has(check.element.dataset[name])) &&
          words.every((word) => textOf(check).includes(word));
        check.element.hidden = !fits;
        some ||= fits;
        count += fits;
      }
      area.element.hidden = !some;
      // A filter opens what it finds; without one, areas are as they were before it.
      if (!before) area.open = area.element.open;
      if (filtered) area.element.open = some;
      else if (before) area.element.open = area.open;
    }
    nothing.hidden = count > 0;
    shown.textContent = `${count} of ${all.length} checks shown`;
  };

  const openAll = (open) => {
    for (const area of areas) area.element.open = open;
    for (const { element } of all) if (!element.hidden) element.open = open;
  };

  // A link to a check shows it, whatever is folded or filtered.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target?.matches("details.check")) return;
    if (target.hidden) {
      form.reset();
      apply();
    }
    for (let at = target; at; at = at.parentElement.closest("details")) at.open = true;
    target.scrollIntoView();
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields have their new values only after the event.
  form.addEventListener("reset", () => setTimeout(apply));
  form.elements.open.addEventListener("click", () => openAll(true));
  form.elements.close.addEventListener("click", () => openAll(false));
  addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  follow();
})();
