// Buttons that copy what has the id in `data-copy`. Their texts stand in the page; without scripts they stay hidden.
(() => {
  const SECONDS = 3;
  const said = document.createElement("div"); // there before it speaks, so that screen readers hear it
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  document.body.append(said);

  const textOf = (part) => {
    const lines = [...part.querySelectorAll("li")];
    return lines.length ? lines.map((line) => line.textContent.trim()).join("\n") : part.textContent;
  };

  const select = (part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  // for a page that came by plain http from another host: browsers give no clipboard to it
  const copyTheOldWay = (text) => {
    const field = document.createElement("textarea");
    field.className = "visually-hidden";
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };

  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyTheOldWay(text);
    }
  };

  const tell = (button, words) => {
    button.dataset.label ||= button.textContent;
    button.textContent = said.textContent = words;
    window.clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = window.setTimeout(() => {
      button.textContent = button.dataset.label;
      said.textContent = "";
    }, SECONDS * 1000);
  };

  const copy = async (button) => {
    const part = document.getElementById(button.dataset.copy);
    const done = await copied(textOf(part));
    button.focus();
    if (!done) select(part);
    tell(button, done ? button.dataset.done : button.dataset.byHand);
  };

  const show = () => {
    for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("postroom:fresh", show);
  show();
})();
