// The charts, by uPlot; each is an element that draws its `data` anew when they, its size or the theme change.

import { clock } from "./words.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

class Chart extends HTMLElement {
  #data = null;
  #plot = null;
  #sized = new ResizeObserver(() => this.#plot?.setSize(this.size()));
  #redraw = () => this.#draw();

  connectedCallback() {
    this.#sized.observe(this);
    addEventListener("themechange", this.#redraw);
    this.#draw();
  }

  disconnectedCallback() {
    this.#sized.disconnect();
    removeEventListener("themechange", this.#redraw);
    this.#plot?.destroy();
    this.#plot = null;
  }

  set data(data) {
    if (data !== this.#data) {
      this.#data = data;
      this.#draw();
    }
  }

  size() {
    return { width: this.clientWidth, height: this.clientHeight };
  }

  #draw() {
    if (!this.isConnected || this.#data === null) {
      return;
    }
    this.#plot?.destroy();
    const { options, columns } = this.plot(this.#data);
    this.#plot = new uPlot({ ...this.size(), legend: { show: false }, ...options }, columns, this);
  }
}

function axis(more) {
  const line = { stroke: colour("line"), width: 1 };
  return { stroke: colour("quiet"), font: "11px system-ui, sans-serif", grid: line, ticks: line, ...more };
}

/** The share of the new revision over time: `{points: [[seconds since 1970, percent]], phases}`. */
class SplitChart extends Chart {
  plot({ points }) {
    return {
      columns: [points.map(([at]) => at), points.map(([, percent]) => percent)],
      options: {
        cursor: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: [0, 100] } },
        axes: [
          axis({ size: 26, space: 60, values: (_, ticks) => ticks.map((tick) => clock(tick * 1000).slice(0, 5)) }),
          axis({ size: 50, splits: () => [0, 50, 100], values: (_, ticks) => ticks.map((tick) => `${tick} %`) }),
        ],
        series: [
          {},
          {
            stroke: colour("new"),
            fill: colour("new-fill"),
            width: 2,
            paths: uPlot.paths.stepped({ align: 1 }),
            points: { show: false },
          },
        ],
      },
    };
  }
}

function columnsOf(points) {
  return ["seconds", "canary", "stable"].map((key) => points.map((point) => point[key]));
}

const line = (name, more) => ({ stroke: colour(name), width: 1.5, points: { show: false }, spanGaps: true, ...more });

/** A metric of both revisions, without axes. */
class SparkLine extends Chart {
  plot(metric) {
    return {
      columns: columnsOf(metric.series),
      options: {
        cursor: { show: false },
        padding: [2, 2, 2, 2],
        scales: { x: { time: false } },
        axes: [{ show: false }, { show: false }],
        series: [{}, line("new"), line("stable")],
      },
    };
  }
}

/** A metric of both revisions with its limits. */
class EvidenceChart extends Chart {
  plot(metric) {
    const columns = columnsOf(metric.series);
    const limits = metric.band ?? [metric.target, metric.trigger];
    const shown = limits.filter((value) => value !== null);
    const names = metric.band === null && metric.target === null ? ["bad"] : ["good", metric.band ? "good" : "bad"];
    return {
      columns: [...columns, ...shown.map((value) => columns[0].map(() => value))],
      options: {
        cursor: { points: { show: false } },
        scales: { x: { time: false } },
        axes: [
          axis({ size: 26, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }),
          axis({ size: 48 }),
        ],
        series: [
          {},
          line("new", { width: 2 }),
          line("stable", { width: 2 }),
          ...shown.map((_, index) => line(names[index], { dash: [6, 4] })),
        ],
      },
    };
  }
}

customElements.define("split-chart", SplitChart);
customElements.define("spark-line", SparkLine);
customElements.define("evidence-chart", EvidenceChart);
