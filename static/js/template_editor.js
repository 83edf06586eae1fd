// Shows what a template makes while it is written: asks for a preview when nothing was typed for a moment, and marks the
// variables that are not declared. Its texts stand in the page. Without it the button "Preview" does the same.
(() => {
  const PAUSE = 350;
  const form = document.getElementById("editor");
  const preview = document.getElementById("preview");
  const part = (id) => document.getElementById(id);
  let timer = 0;
  let asked = null;

  const item = (kind, name, words) => {
    const line = document.createElement("li");
    if (kind) line.className = kind;
    const code = document.createElement("code");
    code.textContent = name;
    line.append(code, ` ${words}`);
    return line;
  };

  const declareButton = (name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = preview.dataset.declare;
    button.addEventListener("click", () => declare(name));
    return button;
  };

  // into the first row that is empty; the last empty one leaves a copy of itself behind
  const declare = (name) => {
    const rows = [...form.querySelectorAll("table.variables tbody tr")];
    const free = rows.filter((row) => !row.querySelector("[name$='-name']").value);
    if (free.length === 1) rows.at(-1).after(copyOf(free[0], rows.length));
    const field = free[0]?.querySelector("[name$='-name']");
    if (!field) return;
    field.value = name;
    free[0].querySelector("[name$='-example']").focus();
    ask();
  };

  const copyOf = (row, number) => {
    const copy = row.cloneNode(true);
    for (const field of copy.querySelectorAll("[name]")) {
      field.name = field.name.replace(/^variables-\d+-/, `variables-${number}-`);
      field.id = field.name;
    }
    return copy;
  };

  // what it made last stays to be seen until something can be made again, and is marked as what it is
  const mark = (old) => {
    const isThere = part("made-subject").textContent !== "" || !part("room").classList.contains("empty");
    preview.classList.toggle("old", old && isThere);
    part("old").hidden = !(old && isThere);
  };

  const show = (made) => {
    part("faults").replaceChildren(...made.faults.map((one) => item("", one.field, one.message)));
    const undefinedOnes = made.undefined.map((name) => {
      const line = item("undefined", name, preview.dataset.undefined);
      line.append(" ", declareButton(name));
      return line;
    });
    part("names").replaceChildren(...undefinedOnes, ...made.unused.map((name) => item("unused", name, preview.dataset.unused)));
    mark(made.subject === null);
    if (made.subject === null) return;
    part("made-subject").textContent = made.subject;
    part("made-text").textContent = made.text;
    part("room").classList.toggle("empty", !made.frame);
    if (made.frame) part("made-html").contentWindow?.location.replace(made.frame); // not a step to go back to
  };

  // an untouched form has no faults yet
  const isBlank = () => ["subject", "html", "text"].every((name) => !form.elements[name].value);

  const ask = async () => {
    window.clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    preview.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), signal: asked.signal });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      show(await answer.json());
    } catch (error) {
      if (error.name === "AbortError") return; // somebody typed on
      part("faults").replaceChildren(item("", "", preview.dataset.failed));
      mark(true);
    }
    preview.removeAttribute("aria-busy");
  };

  const later = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, PAUSE);
  };

  const widths = part("widths");
  widths.hidden = false;
  widths.addEventListener("click", (event) => {
    const wanted = event.target.dataset.width;
    if (!wanted) return;
    part("room").classList.toggle("wide", wanted === "wide");
    part("room").classList.toggle("phone", wanted === "phone");
    for (const button of widths.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.width === wanted));
  });

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  form.querySelector("button[name=preview]").addEventListener("click", (event) => {
    event.preventDefault();
    ask();
  });
  if (!isBlank()) ask();
})();
