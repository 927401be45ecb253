// Draws every chart of the page in the place of its picture, once it comes into view.
// A chart is `<figure data-chart="ID">` with the picture, and `<script type="application/json"
// id="ID">` with its Vega spec. A click on a point sends `chart-point` with its data set and cell.
// `figure.chart` then holds the view, `figure.choices` the words for its parameters' values:
// `figure.chart.signal("across", "energy").runAsync()`.
(() => {
  const PHONE_PX = 700;
  // Level 1: errors alone. A panel without a disturbed point warns that it has none.
  const OPTIONS = {ast: true, actions: false, renderer: "svg", logLevel: 1};

  // A chart is as wide as its panels side by side, its lines of words and its legend.
  const narrow = (spec) => {
    if (spec.layout && spec.layout.columns) spec.layout.columns = 1;
    const wrap = (text) => text.match(/\S.{0,52}(?=\s|$)|\S+/g) || [];
    for (const name of ["text", "subtitle"]) {
      const lines = [(spec.title || {})[name]].flat();
      // A chart whose title changes with what is chosen has a signal there, and no words.
      if (lines.every((line) => typeof line === "string")) spec.title[name] = lines.flatMap(wrap);
    }
    for (const part of [spec, ...spec.marks])
      for (const legend of part.legends || []) legend.columns = 2;
    // A panel that stood beside one with labels now stands below it, and has the same rows.
    const axes = spec.marks.flatMap((part) => part.axes || []).filter((axis) => !axis.grid);
    for (const axis of axes.filter((each) => each.labels === false)) {
      const { encode } = axes.find((each) => each.orient === axis.orient && each.labels !== false);
      Object.assign(axis, { labels: true, encode });
    }
  };

  const draw = async (figure) => {
    const spec = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    if (figure.clientWidth < PHONE_PX) narrow(spec);
    // A chart stands on the paper of the page, which may be dark.
    delete spec.background;
    const place = document.createElement("div");
    const {view} = await window.vegaEmbed(place, spec, OPTIONS);
    const svg = place.querySelector("svg");
    svg.style.width = "100%";
    svg.style.height = "auto";
    svg.style.maxWidth = `${svg.viewBox.baseVal.width}px`;
    // The chart has one description, which says what is seen, instead of one for each mark.
    svg.setAttribute("aria-hidden", "true");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", spec.description);
    figure.querySelector("svg").replaceWith(place);
    figure.chart = view;
    figure.choices = spec.usermeta || {};
    view.addEventListener("click", (_, item) => {
      if (item && item.datum && item.datum.cell) {
        const {dataset, cell} = item.datum;
        figure.dispatchEvent(new CustomEvent("chart-point",
          {bubbles: true, detail: {dataset, cell}}));
      }
    });
    figure.dispatchEvent(new CustomEvent("chart-drawn", {bubbles: true}));
  };

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      observer.unobserve(entry.target);
      draw(entry.target);
    }
  }, {rootMargin: "400px"});
  document.querySelectorAll("[data-chart]").forEach((figure) => observer.observe(figure));
})();
