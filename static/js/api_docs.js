// Starts Swagger UI on the page of the API documentation, light or dark as the page is (theme.js).
window.addEventListener("load", () => {
  const page = document.documentElement;
  const follow = () => page.classList.toggle("dark-mode", page.dataset.bsTheme === "dark");
  new MutationObserver(follow).observe(page, { attributeFilter: ["data-bs-theme"] });
  follow();
  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: place.dataset.specification,
    domNode: place,
    deepLinking: true,
    presets: [window.SwaggerUIBundle.presets.apis],
    validatorUrl: null,
  });
});
