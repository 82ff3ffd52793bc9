type Data = Readonly<Record<string, unknown>>;

/** Converts one version's data to the next. */
export type Upcaster = (data: Data) => Data;

/** The steps of each type: the first upcasts version 1 to version 2. A type that is missing here is at version 1. */
export type Upcasters<Events> = { readonly [T in keyof Events]?: readonly Upcaster[] };
