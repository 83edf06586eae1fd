// A provider that is chosen in the form of a new sender account fills the fields at once; without this, the link does
// it by loading the form anew, and what was typed is lost. What it fills stands in `data-preset`, as JSON.
(() => {
  const links = [...document.querySelectorAll("a[data-preset]")];
  const field = (name) => document.querySelector(`[name="${name}"]`);

  const fill = ({ fields, hints, page }) => {
    for (const [name, value] of Object.entries(fields)) field(name).value = value ?? "";
    for (const [name, text] of Object.entries(hints)) document.getElementById(`${name}-help`).textContent = text;
    const where = document.getElementById("password-page");
    where.hidden = !page;
    where.querySelector("a").href = page;
  };

  const choose = (link) => {
    fill(JSON.parse(link.dataset.preset));
    for (const one of links) one.ariaCurrent = one === link ? "true" : null;
    field("name").focus();
  };

  for (const link of links) {
    link.addEventListener("click", (event) => { event.preventDefault(); choose(link); });
  }
})();
