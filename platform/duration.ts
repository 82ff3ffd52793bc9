const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|milliseconds?)?$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hrs?|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
  [/^(w|weeks?)$/, 604_800_000],
  [/^(y|yrs?|years?)$/, 365.25 * 86_400_000],
];
const WORDS = /^(\d+(?:\.\d+)?) ?([a-z]*)$/;
const ISO = /^P(?=[\dT])(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const ISO_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000];

/**
 * A duration in milliseconds. Accepts ISO 8601 (`P14D`, `PT1H30M`; no years and months, whose length depends on the
 * calendar) and the strings of the `ms` package (`14 d`, `2s`, `90 minutes`; a bare number is in milliseconds).
 * `undefined` for anything else.
 */
export function parseDuration(text: string): number | undefined {
  const iso = ISO.exec(text.trim());
  if (iso) return Math.round(ISO_MS.reduce((sum, ms, index) => sum + ms * Number(iso[index + 1] ?? 0), 0));
  const words = WORDS.exec(text.trim().toLowerCase());
  const unit = UNITS.find(([name]) => words !== null && name.test(words[2] ?? ''));
  return words && unit ? Math.round(Number(words[1]) * unit[1]) : undefined;
}
