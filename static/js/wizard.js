// Proposes the time zone of the browser, as long as nobody has chosen one.
(() => {
  const list = document.querySelector("select[data-guess]");
  if (!list || list.value !== "UTC") return;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...list.options].some((option) => option.value === here)) list.value = here;
})();
