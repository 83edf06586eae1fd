// Follows the log: asks for the lines that have come since the last one, and puts them on top. Rests while the tab is
// hidden, or somebody has stopped it.
(() => {
  const SECONDS = 2;
  const MOST = 1000; // rows; the oldest go
  const table = document.getElementById("lines");
  const body = table.tBodies[0];
  const button = document.getElementById("follow");
  let following = true;
  let asking = false;

  const rowsOf = (html) => {
    const made = document.createElement("template");
    made.innerHTML = html; // our own page, escaped by the server
    return [...made.content.querySelectorAll("tr")];
  };

  const ask = async () => {
    const url = new URL(table.dataset.tail, window.location.href);
    url.searchParams.set("after", table.dataset.last);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.redirected) window.location.reload(); // signed out meanwhile
    if (!answer.ok) return;
    const { last, rows } = await answer.json();
    table.dataset.last = last;
    const fresh = rowsOf(rows);
    if (!fresh.length) return;
    document.getElementById("no-lines")?.remove();
    body.prepend(...fresh);
    while (body.rows.length > MOST) body.lastElementChild.remove();
  };

  const tick = async () => {
    if (document.hidden || !following || asking) return;
    asking = true;
    try { await ask(); } catch { /* the next one may get an answer */ } finally { asking = false; }
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    following = !following;
    button.setAttribute("aria-pressed", String(following));
    button.textContent = following ? button.dataset.on : button.dataset.off;
  });
  window.setInterval(tick, SECONDS * 1000);
})();
