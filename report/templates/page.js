// What the page does beyond showing: sorts, filters, opens records. Without it everything is readable.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  // Inside another page, as in Snakemake's report, links to files beside this one lead nowhere.
  if (window.top !== window) root.classList.add("embedded");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const texts = JSON.parse(byId("texts").textContent);

  const fill = (text, values) =>
    Object.entries(values).reduce((filled, [name, value]) => filled.replace(`{${name}}`, value), text);
  const number = new Intl.NumberFormat(root.lang, { maximumSignificantDigits: 3 });
  const write = (tag, text, parent) => {
    const element = document.createElement(tag);
    element.textContent = text;
    parent.append(element);
    return element;
  };

  // Whatever an address names is opened and shown.
  const reveal = () => {
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target; box; box = box.parentElement) if (box.matches("details")) box.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  let showSetting = () => false;
  const table = byId("all-settings");
  if (table) {
    const body = table.tBodies[0];
    const rows = all("tr[data-keys]", body);
    const heads = all("thead th", table);
    const count = byId("settings-count");

    const close = () => {
      for (const opened of all("tr.opened", body)) {
        byId("records").append(...opened.querySelectorAll(".record"));
        opened.remove();
      }
      for (const row of rows) {
        row.classList.remove("chosen");
        row.querySelector("button").setAttribute("aria-expanded", "false");
      }
    };
    const open = (row) => {
      const was = row.classList.contains("chosen");
      close();
      if (was) return;
      row.classList.add("chosen");
      row.querySelector("button").setAttribute("aria-expanded", "true");
      const opened = body.insertRow(row.sectionRowIndex + 1);
      opened.className = "opened";
      const cell = opened.insertCell();
      cell.colSpan = heads.length;
      const box = document.createElement("div");
      box.className = "records";
      box.append(...row.dataset.records.split(" ").map(byId));
      cell.append(box);
    };
    for (const row of rows) {
      const head = row.querySelector("th");
      const name = head.firstElementChild;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "open";
      button.setAttribute("aria-expanded", "false");
      button.append(...name.childNodes);
      name.replaceWith(button);
      row.addEventListener("click", (event) => {
        if (!String(getSelection()) && !event.target.closest("a")) open(row);
      });
    }

    const sort = (place, down) => {
      close();
      const value = (row) => {
        const cell = row.cells[place];
        return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
      };
      const lacks = (row) => row.cells[place].dataset.value === "";
      const sorted = [...rows].sort((row, other) => {
        if (lacks(row) || lacks(other)) return lacks(row) - lacks(other);
        const [a, b] = [value(row), value(other)];
        const order = typeof a === "number" ? a - b : a.localeCompare(b, root.lang, { numeric: true });
        return down ? -order : order;
      });
      body.append(...sorted);
      heads.forEach((head, at) => {
        if (at === place) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
    };
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(place, head.getAttribute("aria-sort") === "ascending"));
    });

    const filters = all("#settings-filters select");
    const filter = () => {
      close();
      const wanted = filters.filter((box) => box.value);
      let shown = 0;
      for (const row of rows) {
        const axes = JSON.parse(row.dataset.axes);
        row.hidden = !wanted.every((box) =>
          box.name in axes ? axes[box.name].includes(box.value) : row.dataset[box.name] === box.value);
        shown += !row.hidden;
      }
      count.textContent = fill(texts.shown, { shown, count: rows.length });
    };
    for (const box of filters) box.addEventListener("change", filter);
    filter();

    const choose = () => {
      for (const box of all("#settings-columns input"))
        for (const cell of all(`[data-column="${box.value}"]`, table)) cell.hidden = !box.checked;
    };
    for (const box of all("#settings-columns input")) box.addEventListener("change", choose);
    choose();

    // A point of a chart leads here; returns whether its setting has a row.
    showSetting = (dataset, cell) => {
      const row = rows.find((each) =>
        JSON.parse(each.dataset.keys)[dataset]?.includes(cell));
      if (!row) return false;
      for (const box of filters) box.value = "";
      filter();
      open(row);
      row.scrollIntoView({ block: "center" });
      row.querySelector("button").focus({ preventScroll: true });
      return true;
    };
  }

  for (const link of all("a[data-cell]"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      showSetting(link.dataset.dataset, link.dataset.cell);
    });

  // The answer under limits that a reader sets, by the same rules as the table above.
  const limits = byId("limits");
  const { contests: packed, parts } = JSON.parse(byId("contests").textContent);
  const contests = packed.map(unpack);
  const answer = () => {
    const box = limits.elements;
    const contest = contests[box.contest.value];
    const own = { ...contest.limits };
    const slide = (name, values, onLog) => {
      const [least, most] = [Math.min(...values), Math.max(...values)];
      const share = box[name].value / 100;
      return onLog ? least * (most / least) ** share : least + (most - least) * share;
    };
    const latencies = contest.candidates.flatMap((it) => (it.latency ? [Math.exp(it.latency.log)] : []));
    const scores = contest.candidates.flatMap((it) => (it.quality ? [it.quality.value] : []));
    box.latency.disabled = !latencies.length;
    box.quality.disabled = !scores.length;
    box.latency_words.value = texts.no_limit;
    box.quality_words.value = texts.any_quality;
    if (latencies.length && box.latency.value < 100) {
      own.max_latency_s = slide("latency", latencies, true);
      box.latency_words.value = `≤ ${number.format(own.max_latency_s * 1e3)} ${texts.milliseconds}`;
    }
    if (scores.length && box.quality.value > 0) {
      const [worst, best] = contest.higher_is_better
        ? [Math.min(...scores), Math.max(...scores)] : [Math.max(...scores), Math.min(...scores)];
      own.min_quality = worst + (best - worst) * (box.quality.value / 100);
      box.quality_words.value =
        `${contest.higher_is_better ? "≥" : "≤"} ${number.format(own.min_quality)} ${contest.metric}`;
    }
    const decision = decide(contest, own);
    const shown = byId("limits-answer");
    shown.replaceChildren();
    const name = (place) => contest.names[place].map((part) => parts[part]).join(" · ");
    if (decision.nearest) write("p", fill(texts.nearest, { setting: name(decision.nearest.cell) }), shown);
    else if (!decision.choices.length) write("p", texts.nothing, shown);
    const list = write("dl", "", shown);
    list.className = "pairs";
    for (const { goal, cell, tied } of decision.choices) {
      write("dt", texts.goals[goal] ?? goal, list);
      const line = write("dd", "", list);
      write("b", name(cell), line);
      if (tied.length) line.append(` (${fill(texts.ties, { count: tied.length })})`);
    }
  };
  const sizes = contests.map((contest) => contest.candidates.length);
  const largest = sizes.indexOf(Math.max(...sizes));
  if (limits && contests.length) {
    limits.elements.contest.value = largest;
    limits.addEventListener("input", answer);
    limits.elements.contest.addEventListener("change", () => {
      limits.elements.latency.value = 100;
      limits.elements.quality.value = 0;
      answer();
    });
    answer();
  }

  // A point of a chart leads to its row, or says that a large study's table leaves it out.
  addEventListener("chart-point", ({ target, detail }) => {
    const note = target.querySelector("[role=status]") ?? write("p", "", target);
    note.className = "soft";
    note.setAttribute("role", "status");
    note.textContent = showSetting(detail.dataset, detail.cell) ? "" : texts.no_row;
  });

  // The parameters of the trade-off are the reader's choice.
  byId("figure-tradeoff")?.addEventListener("chart-drawn", ({ target: { chart, choices } }) => {
    const form = byId("tradeoff-choices");
    for (const [name, words] of Object.entries(texts.choices)) {
      if (!choices[name]) continue;
      const label = write("label", `${words} `, form);
      label.className = "over";
      const choice = write("select", "", label);
      for (const [value, text] of Object.entries(choices[name]))
        write("option", text, choice).value = value;
      choice.value = chart.signal(name);
      choice.addEventListener("change", () => chart.signal(name, choice.value).runAsync());
    }
    // At first the data set on which most settings can be chosen from.
    const group = form.querySelector("select");
    if (largest >= 0 && group.options.length === contests.length) {
      group.selectedIndex = largest;
      group.dispatchEvent(new Event("change"));
    }
  });

  const gallery = byId("gallery");
  const choice = byId("gallery-filters");
  if (gallery && choice) {
    const show = () => {
      const [kind, setting] = ["kind", "setting"].map((name) => choice.elements[name].value);
      for (const sample of all(".sample", gallery)) {
        let wrong = false;
        for (const answer of all(".answer", sample)) {
          answer.hidden = Boolean(setting) && !JSON.parse(answer.dataset.settings).includes(setting);
          wrong ||= !answer.hidden && answer.dataset.grade !== "right";
        }
        const changed = sample.dataset.changed === "true";
        const answered = all(".answer:not([hidden])", sample).length > 0;
        sample.hidden = !answered || (kind === "wrong" && !wrong) || (kind === "changed" && !changed);
      }
      for (const part of all(".of-dataset", gallery)) {
        for (const box of all("details", part)) box.open = Boolean(kind || setting);
        const left = all(".sample:not([hidden])", part).length;
        part.querySelector(".none").hidden = left > 0;
      }
    };
    choice.addEventListener("change", show);
  }
  reveal();
})();
