// Fetches Swagger UI when somebody opens an operation of the API, light or dark as the page is (theme.js).
(() => {
  const place = document.getElementById("swagger-ui");
  const list = document.getElementById("operations");
  const trouble = document.getElementById("api-docs-trouble");
  const wanted = () => location.hash.startsWith("#/");
  let fetched = false;
  let ui = null;

  const fetchPart = (tag, attributes) => new Promise((resolve, reject) => {
    const part = Object.assign(document.createElement(tag), attributes, { onload: resolve, onerror: reject });
    document.head.prepend(part); // before our own style sheet, which goes on top of that of Swagger UI
  });

  const followTheme = () => {
    const page = document.documentElement;
    const follow = () => page.classList.toggle("dark-mode", page.dataset.bsTheme === "dark");
    new MutationObserver(follow).observe(page, { attributeFilter: ["data-bs-theme"] });
    follow();
  };

  const unfold = () => {
    const [, tag, operation] = location.hash.split("/").map(decodeURIComponent);
    if (!ui || !wanted()) return;
    ui.layoutActions.show(["operations-tag", tag], true);
    ui.layoutActions.show(["operations", tag, operation], true);
    requestAnimationFrame(() => document.getElementById(`operations-${tag}-${operation}`)?.scrollIntoView());
  };

  const start = () => {
    followTheme();
    ui = window.SwaggerUIBundle({
      url: place.dataset.specification,
      domNode: place,
      presets: [window.SwaggerUIBundle.presets.apis],
      validatorUrl: null,
      onComplete: () => setTimeout(unfold), // `ui` is known only when this call is over
    });
    list.hidden = true;
    place.hidden = false;
  };

  const open = () => {
    if (ui) return unfold();
    if (fetched || !wanted()) return;
    fetched = true;
    list.setAttribute("aria-busy", "true");
    Promise.all([
      fetchPart("link", { rel: "stylesheet", href: place.dataset.style }),
      fetchPart("script", { src: place.dataset.script }),
    ]).then(start, () => { trouble.hidden = false; }).finally(() => list.removeAttribute("aria-busy"));
  };

  window.addEventListener("hashchange", open);
  open();
})();
