// Draws each <canvas data-chart="..."> with Chart.js. What to draw stands in the attribute, as JSON:
//   { "labels": [...], "titles": [...], "sets": [{ "label": "Sent", "tone": "good", "values": [...] }],
//     "kind": "bar" | "line", "stacked": true, "sideways": true }
// `tone` names a colour of postroom.css (--pr-good, ...), so light and dark mode hold here too. `titles` are longer
// labels for the pointer. A page that replaces its figures says so by the event "postroom:fresh" on the document.
(() => {
  if (!window.Chart) return;

  const PHONE = 480; // pixels
  const charts = new Map();
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const language = document.documentElement.lang || "en";
  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f"); // of a count, as in the text

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--pr-${name}`).trim();
  const facts = (canvas) => JSON.parse(canvas.dataset.chart);

  const shortened = (name) => {
    const most = window.innerWidth < PHONE ? 16 : 32;
    return name.length > most ? `${name.slice(0, most - 1)}…` : name;
  };

  const dataset = (set, kind) => ({
    label: set.label,
    data: set.values,
    tone: set.tone,
    backgroundColor: colour(set.tone),
    borderColor: colour(set.tone),
    maxBarThickness: 44,
    borderWidth: kind === "line" ? 2 : 0,
    pointRadius: 2,
    tension: 0.2,
  });

  const paint = (chart) => {
    for (const set of chart.data.datasets) set.backgroundColor = set.borderColor = colour(set.tone);
    const { scales, plugins } = chart.options;
    for (const scale of [scales.x, scales.y]) {
      scale.ticks.color = colour("quiet");
      scale.grid.color = colour("line");
    }
    plugins.legend.labels.color = colour("quiet");
    chart.update("none");
  };

  const options = ({ stacked, sideways, sets, titles, labels }) => {
    const counts = { beginAtZero: true, stacked, ticks: { precision: 0, maxTicksLimit: 6, callback: number }, grid: {} };
    const names = { stacked, ticks: { maxRotation: 0, autoSkip: !sideways, autoSkipPadding: 10 }, grid: { display: false } };
    if (sideways) names.ticks.callback = (place) => shortened(labels[place]);
    return {
      animation: still.matches ? false : { duration: 250 },
      indexAxis: sideways ? "y" : "x",
      interaction: { mode: "index", axis: sideways ? "y" : "x", intersect: false },
      locale: language,
      maintainAspectRatio: false,
      scales: sideways ? { x: counts, y: names } : { x: names, y: counts },
      plugins: {
        colors: { enabled: false },
        legend: { display: sets.length > 1, labels: { boxWidth: 12, boxHeight: 12 } },
        tooltip: {
          callbacks: {
            title: (items) => (titles || labels)[items[0].dataIndex],
            label: (item) => `${item.dataset.label}: ${number(item.raw)}`,
          },
        },
      },
    };
  };

  const draw = (canvas) => {
    const drawing = facts(canvas);
    const kind = drawing.kind || "bar";
    const sets = drawing.sets.map((set) => dataset(set, kind));
    const chart = new window.Chart(canvas, { type: kind, data: { labels: drawing.labels, datasets: sets }, options: options(drawing) });
    charts.set(canvas, chart);
    paint(chart);
  };

  const renew = (canvas, chart) => {
    const drawing = facts(canvas);
    chart.data.labels = drawing.labels;
    drawing.sets.forEach((set, place) => { chart.data.datasets[place].data = set.values; });
    chart.options.plugins.tooltip.callbacks.title = (items) => (drawing.titles || drawing.labels)[items[0].dataIndex];
    chart.update("none");
  };

  const look = () => {
    for (const [canvas, chart] of charts) {
      if (canvas.isConnected) renew(canvas, chart);
      else { chart.destroy(); charts.delete(canvas); }
    }
    document.querySelectorAll("canvas[data-chart]").forEach((canvas) => { if (!charts.has(canvas)) draw(canvas); });
  };

  const narrow = () => { window.Chart.defaults.font.size = window.innerWidth < PHONE ? 10 : 12; };

  window.Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  narrow();
  look();
  document.addEventListener("postroom:fresh", look);
  new MutationObserver(() => charts.forEach(paint)).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  still.addEventListener("change", () => charts.forEach((chart) => { chart.options.animation = still.matches ? false : { duration: 250 }; }));
})();
