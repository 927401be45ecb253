"""What is wrong with a page, as a browser sees it."""

from pathlib import Path

from browser import Tab

OPEN_ALL = "for (const box of document.querySelectorAll('details')) box.open = true"
WIDE = """[...document.querySelectorAll("main *, header *")].filter((element) =>
  !element.closest(".scroll, pre, svg") && element.getBoundingClientRect().right > innerWidth + 1
).map((element) => element.tagName + "." + element.className)"""
SCROLLED = """[...document.querySelectorAll("figure")].filter((figure) => {
  const box = figure.closest(".scroll") ?? figure;
  return box.scrollWidth > box.clientWidth + 1;
}).map((figure) => figure.id)"""
SMALL = """(() => {
  const faint = [...document.querySelectorAll("figure svg text:not(:empty)")].filter((text) =>
    text.checkVisibility() && text.getBoundingClientRect().height < 7.5);
  return [...new Set(faint.map((text) => text.textContent))];
})()"""
WORDLESS = """[...document.querySelectorAll("figure svg text")].map((text) => text.textContent)
  .filter((text) => /\\[object |undefined|NaN/.test(text))"""
DRAW_CHARTS = """(async () => {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (!figure.checkVisibility()) continue;
    figure.scrollIntoView();
    for (let wait = 0; !figure.chart && wait < 500; wait += 1) {
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  window.scrollTo(0, 0);
})()"""
PALE = """(() => {
  const read = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => read(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    if (!element) return "rgb(255, 255, 255)";
    const colour = getComputedStyle(element).backgroundColor;
    return read(colour)[3] === 0 ? behind(element.parentElement) : colour;
  };
  const pale = [...document.querySelectorAll("figure svg text:not(:empty)")].filter((text) => {
    const [ink, paper] = [getComputedStyle(text).fill, behind(text)].map(light);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5;
  });
  return [...new Set(pale.map((text) => text.textContent))];
})()"""
"""The texts of charts whose contrast to what is behind them is under WCAG's 4.5, which axe-core
cannot tell."""


def list_faults(tab: Tab, page: Path, width_px: int, colours: str) -> list[str]:
    """Return all that is wrong with a page whose parts are all open."""
    tab.resize(width_px)
    tab.emulate(colours=colours)
    tab.open(page.as_uri())
    tab.evaluate(OPEN_ALL)
    tab.evaluate(DRAW_CHARTS)
    wide = [f"wider than the window: {name}" for name in tab.evaluate(WIDE)]
    scroll = tab.evaluate("document.documentElement.scrollWidth")
    return [
        *tab.list_complaints(),
        *(f"asks for {address}" for address in tab.list_requests()),
        *wide,
        *([] if scroll == width_px else [f"scrolls to {scroll} px"]),
        *(f"a figure scrolls: {name}" for name in tab.evaluate(SCROLLED)),
        *(f"too small in a chart: {text}" for text in tab.evaluate(SMALL)),
        *(f"no words in a chart: {text}" for text in tab.evaluate(WORDLESS)),
        *(f"pale in a chart: {text}" for text in tab.evaluate(PALE)),
        *tab.list_violations(),
    ]
