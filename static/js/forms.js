// What forms have everywhere. One that changes something is sent once, however often its button is pressed; and a
// question (details.confirm) takes the focus, gives it back, and can be left by Escape or by a button.
(() => {
  const SECONDS = 10; // then it can be sent again: the answer may have been a file, which leaves the page as it is

  const buttonsOf = (form) => [...form.elements].filter((one) => one.type === "submit");

  const setSent = (form, sent) => {
    form.toggleAttribute("data-sent", sent);
    for (const button of buttonsOf(form)) {
      if (sent) button.setAttribute("aria-disabled", "true"); // `disabled` would take the focus away
      else button.removeAttribute("aria-disabled");
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || (event.submitter?.formMethod || form.method) !== "post") return;
    if (form.hasAttribute("data-sent")) {
      event.preventDefault();
      return;
    }
    setSent(form, true);
    window.setTimeout(() => setSent(form, false), SECONDS * 1000);
  });

  // the browser may bring the page back as it was left
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) setSent(form, false);
  });

  // after an error: at the field that is wrong, not at the one that a fresh form begins with
  window.addEventListener("DOMContentLoaded", () => document.querySelector(".is-invalid")?.focus());

  const opened = () => document.querySelector("details.confirm[open]");

  const close = (question) => {
    question.open = false;
    question.querySelector("summary").focus();
  };

  document.addEventListener("toggle", (event) => {
    const question = event.target;
    if (!question.matches("details.confirm") || !question.open) return;
    for (const button of question.querySelectorAll("[data-close]")) button.hidden = false;
    const part = question.querySelector(".question");
    part.tabIndex = -1;
    part.focus(); // not on its button: a second Enter would answer before the question is read
  }, true);

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) close(opened());
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened()) close(opened());
  });

  document.addEventListener("focusin", (event) => {
    const question = opened();
    if (question && !question.contains(event.target)) question.open = false;
  });
})();
