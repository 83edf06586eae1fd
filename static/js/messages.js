// The list of messages: one box picks all of the page, and how many are picked stands beside the choice.
(() => {
  const form = document.getElementById("picking");
  const all = form?.querySelector("[data-pick-all]");
  if (!all) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const count = form.querySelector("[data-picked]");
  const picked = form.querySelector("#scope-picked");

  const tell = () => {
    const number = boxes.filter((box) => box.checked).length;
    count.textContent = number ? `(${number})` : "";
    all.checked = number === boxes.length;
    all.indeterminate = number > 0 && number < boxes.length;
  };

  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    picked.checked = true;
    tell();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== "id") return;
    picked.checked = true;
    tell();
  });
  window.addEventListener("pageshow", tell); // the browser may bring back what was picked
  tell();
})();
