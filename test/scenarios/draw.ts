/** Draws of which most scenarios consist, for fast-check. */

import fc from 'fast-check';

/** 0 ≤ n < limit, an integer. */
export const below = (limit: number): fc.Arbitrary<number> => fc.nat(Math.ceil(limit) - 1);

/** One of the names, each as often as its weight says; a counterexample shrinks to the first one. */
export function weighted<Name extends string>(weights: Readonly<Record<Name, number>>): fc.Arbitrary<Name> {
  const names = Object.keys(weights) as Name[];
  return fc.constantFrom(...names.flatMap((name) => Array.from({ length: weights[name] }, () => name)));
}

/** In `percent` of the cases one, otherwise the other. */
export const either = <One, Other>(
  percent: number,
  one: fc.Arbitrary<One>,
  other: fc.Arbitrary<Other>,
): fc.Arbitrary<One | Other> =>
  fc.oneof({ weight: percent, arbitrary: one }, { weight: 100 - percent, arbitrary: other });

/** `undefined` except in `percent` of the cases. */
export const maybe = <Value>(percent: number, value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  either(percent, value, fc.constant(undefined));

export const chance = (percent: number): fc.Arbitrary<boolean> =>
  either(percent, fc.constant(true), fc.constant(false));

type Drawn<Model> = {
  -readonly [Key in keyof Model]: Model[Key] extends fc.Arbitrary<infer Value> ? Value : Model[Key];
};

/** An object of which some values are drawn and the others are given. */
export function drawn<const Model extends object>(model: Model): fc.Arbitrary<Drawn<Model>> {
  const values = Object.entries(model).map(([key, value]) => [
    key,
    value instanceof fc.Arbitrary ? value : fc.constant(value),
  ]);
  return fc.record(Object.fromEntries(values), { noNullPrototype: true }) as fc.Arbitrary<Drawn<Model>>;
}

/** One of the alternatives of `fc.oneof`. */
export const choice = <const Model extends object>(weight: number, model: Model) => ({
  weight,
  arbitrary: drawn(model),
});
