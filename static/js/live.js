// Keeps the part of the page with the id "live" fresh: asks for the same page and takes that part from the answer.
// Rests while the tab is hidden, and while somebody is at work in that part. Its texts stand in the page.
(() => {
  const TICK = 1000;
  let drawnAt = Date.now();
  let askedAt = drawnAt;
  let asking = false;

  const live = () => document.getElementById("live");
  const seconds = () => Number(live()?.dataset.refreshSeconds || 0) * 1000;
  // a table of figures that somebody has opened is carried over, so it stops nothing
  const inUse = (part) => part.contains(document.activeElement) || part.querySelector("details[open]:not(.figures)");

  const sayAge = () => {
    const line = document.getElementById("age");
    if (!line) return;
    const age = Math.round((Date.now() - drawnAt) / 1000);
    const { fresh, stale, resting } = line.dataset;
    const text = age * 1000 <= 3 * seconds() ? fresh : resting && inUse(live()) ? resting : stale;
    line.textContent = text.replace("{seconds}", age);
  };

  // a chart stays the same one and gets other figures: drawn anew it would flicker
  const carryOver = (old, fresh) => {
    for (const canvas of fresh.querySelectorAll("canvas[id]")) {
      const drawn = old.querySelector(`#${canvas.id}`);
      if (!drawn) continue;
      drawn.dataset.chart = canvas.dataset.chart;
      drawn.setAttribute("aria-label", canvas.getAttribute("aria-label"));
      canvas.parentNode.replaceWith(drawn.parentNode); // with its frame, whose size it follows
    }
    for (const table of fresh.querySelectorAll("details.figures[id]")) {
      table.open = old.querySelector(`#${table.id}`)?.open || false;
    }
  };

  const refresh = async () => {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) window.location.reload(); // signed out meanwhile
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = live();
    const fresh = page.getElementById("live");
    if (!fresh || inUse(old)) return;
    document.adoptNode(fresh);
    carryOver(old, fresh);
    old.replaceWith(fresh);
    drawnAt = Date.now();
    document.dispatchEvent(new Event("postroom:fresh"));
  };

  const tick = async () => {
    if (document.hidden || !live()) return;
    sayAge();
    if (asking || !seconds() || Date.now() - askedAt < seconds()) return;
    asking = true;
    askedAt = Date.now();
    try { await refresh(); } catch { /* the line about the age says that nothing new came */ } finally { asking = false; }
  };

  window.setInterval(tick, TICK);
  document.addEventListener("visibilitychange", tick);
})();
