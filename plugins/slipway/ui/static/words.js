// Times, durations, numbers and states as people read them.

export const STATES = {
  running: "Running",
  waiting: "Waiting for a person",
  on_hold: "On hold",
  rolling_back: "Rolling back",
  lost: "Lost its run",
  promoted: "Promoted",
  rolled_back: "Rolled back",
  refused: "Refused",
};

const pad = (number) => String(number).padStart(2, "0");

export function clock(moment) {
  const at = new Date(moment);
  return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())} UTC`;
}

export function moment(moment) {
  return `${new Date(moment).toISOString().slice(0, 10)} ${clock(moment)}`;
}

const UNITS = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** The two largest units: "1 day 3 h", "3 min 5 s". */
export function duration(seconds) {
  let left = Math.max(0, Math.round(seconds));
  const words = [];
  const first = UNITS.findIndex(([, length]) => left >= length);
  for (const [unit, length] of first < 0 ? [] : UNITS.slice(first, first + 2)) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) {
      words.push(`${count} ${unit === "day" && count > 1 ? "days" : unit}`);
    }
  }
  return words.join(" ") || "0 s";
}

const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function number(value, unit = "") {
  if (value === null) {
    return "no data";
  }
  const digits = Math.abs(value) >= 1000 ? whole.format(value) : short.format(value);
  const one = value === 1 && unit.length > 1 ? unit.replace(/s$/, "") : unit;
  return one ? `${digits}\u00a0${one}` : digits;
}

/** Words whose numbers keep their units on the same line. */
export function unbroken(words) {
  return words.replaceAll(/(\d) (%|s\b)/g, "$1\u00a0$2");
}

/** A value of a metric: of its unit, "% of requests over 0.5 s, last 300 s", what a cell needs; a fraction in percent. */
export function measured(value, unit) {
  if (value !== null && unit.startsWith("of ")) {
    return number(100 * value, `% ${unit.split(",")[0]}`);
  }
  const over = unit.match(/ over [\d.]+ s/)?.[0] ?? "";
  const short = unit.startsWith("%") ? unbroken(`%${over}`) : unit.split(",")[0];
  return number(value, short);
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
