// Keeps the part of the page with the id "live" fresh: asks for the same page and takes that part from the answer.
// Rests while the tab is hidden, and while somebody is at work in that part. Its texts stand in the page.
(() => {
  const TICK = 1000;
  let drawnAt = Date.now();
  let askedAt = drawnAt;
  let asking = false;

  const live = () => document.getElementById("live");
  const seconds = () => Number(live()?.dataset.refreshSeconds || 0) * 1000;
  const inUse = (part) => part.contains(document.activeElement) || part.querySelector("details[open]");

  const sayAge = () => {
    const line = document.getElementById("age");
    if (!line) return;
    const age = Math.round((Date.now() - drawnAt) / 1000);
    line.textContent = (age * 1000 > 3 * seconds() ? line.dataset.stale : line.dataset.fresh).replace("{seconds}", age);
  };

  const refresh = async () => {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) window.location.reload(); // signed out meanwhile
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh || inUse(live())) return;
    live().replaceWith(fresh);
    drawnAt = Date.now();
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
