/** Stripe's request encoding: `application/x-www-form-urlencoded` with nested keys (`card[exp_month]=1`, `types[0]=card`, `types[]=card`). */

export type FormValue = string | FormValue[] | FormObject;
export interface FormObject {
  [key: string]: FormValue;
}

/** Parses a body or a query string; of a repeated plain key the last value is used, as at Stripe. */
export function parseForm(text: string): FormObject {
  const root: FormObject = emptyObject();
  for (const [key, value] of new URLSearchParams(text)) put(root, pathOf(key), value);
  return arraysOf(root) as FormObject;
}

/** `a[b][]` → `['a', 'b', '']`. */
function pathOf(key: string): string[] {
  const open = key.indexOf('[');
  if (open <= 0 || !key.endsWith(']')) return [key];
  return [key.slice(0, open), ...key.slice(open + 1, -1).split('][')];
}

function put(root: FormObject, path: string[], value: string): void {
  let node = root;
  for (const part of path.slice(0, -1)) {
    const existing = node[part];
    const next = typeof existing === 'object' && !Array.isArray(existing) ? existing : emptyObject();
    node[part] = next;
    node = next;
  }
  const last = path.at(-1) ?? '';
  node[last === '' ? String(Object.keys(node).length) : last] = value;
}

/** Objects whose keys are 0, 1, 2 … become arrays. */
function arraysOf(value: FormValue): FormValue {
  if (typeof value === 'string' || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.every((key) => /^\d+$/.test(key))) {
    return keys.sort((a, b) => Number(a) - Number(b)).map((key) => arraysOf(value[key] as FormValue));
  }
  for (const key of keys) value[key] = arraysOf(value[key] as FormValue);
  return value;
}

/** Without a prototype, so that a key such as `__proto__` is an ordinary key. */
function emptyObject(): FormObject {
  return Object.create(null) as FormObject;
}
