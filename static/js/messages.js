// The list of messages: one box picks all of the page, the bar above says how many are picked and how many match, and
// what would be done to none of them cannot be pressed. Its texts stand in the page.
(() => {
  const form = document.getElementById("picking");
  const forAll = form?.querySelector("[data-pick-all]");
  if (!forAll) return;
  const all = forAll.querySelector("input");
  const AGAIN = 1000;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const [picked, everything] = [form.querySelector("#scope-picked"), form.querySelector("#scope-all")];
  const label = form.querySelector("[data-picked]");
  const total = form.querySelector("[data-total]");
  const said = form.querySelector("[data-said]");
  const buttons = [...form.querySelectorAll("button[name=action]")];
  let asked = false;

  const tell = () => {
    const number = boxes.filter((box) => box.checked).length;
    label.textContent = label.dataset.picked.replace("{count}", number);
    all.checked = number === boxes.length;
    all.indeterminate = number > 0 && number < boxes.length;
    form.classList.toggle("at-work", number > 0 || everything.checked);
    for (const button of buttons) button.disabled = number === 0 && picked.checked;
  };

  const say = () => { said.textContent = (everything.checked ? everything.labels[0] : label).textContent; };

  // counted when somebody begins to choose: among very many it takes its time
  const count = async () => {
    const answer = await fetch(total.dataset.total, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const { total: number, goes_on: goesOn } = await answer.json();
    if (number !== null) {
      total.textContent = `(${number})`;
      if (everything.checked) say();
    } else if (goesOn) {
      window.setTimeout(count, AGAIN);
    }
  };

  const countOnce = () => {
    if (asked || !total) return; // they are all on this page, which says how many
    asked = true;
    count().catch(() => { asked = false; });
  };

  forAll.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    picked.checked = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "id") picked.checked = true;
    tell();
    say();
    countOnce();
  });
  window.addEventListener("pageshow", tell); // the browser may bring back what was picked
  tell();
})();
