"use strict";
(() => {
  const folds = document.querySelectorAll("details");
  const all = document.getElementById("folds");
  all.hidden = folds.length === 0;
  all.addEventListener("click", () => {
    const open = all.getAttribute("aria-pressed") !== "true";
    for (const fold of folds) fold.open = open;
    all.setAttribute("aria-pressed", String(open));
    all.textContent = open ? "Close all folds" : "Open all folds";
  });
  // What is folded is printed too, but for the long lists.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.bulk)")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
  for (const button of document.querySelectorAll("button.copy")) {
    const text = button.closest(".paste").querySelector("pre");
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent + "\n");
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 3000);
    });
  }
})();
