import { PersonaError } from '../../domain/errors.ts';

/** A part of what retention looks at. */
export interface Page {
  /** The last id of the page before; empty: the first page. */
  after: string;
  /** What is older is due: epoch milliseconds. */
  before: number;
  limit: number;
}

/** What of a page is due. */
export interface Due<T> {
  due: T[];
  /** Where the next page starts; absent after the last one. */
  next?: string;
}

interface Row<T> {
  due: T[];
  read: number;
  last: string | null;
}

/** The parameters of a page's statement. */
export const pageParameters = ({ after, before, limit }: Page) => ({
  ...{ after, limit },
  before: new Date(before).toISOString(),
});

export function toDue<T>([row]: readonly Row<T>[], { limit }: Page): Due<T> {
  const { due, read, last } = row ?? { due: [], read: 0, last: null };
  return { due, ...(read === limit && last !== null && { next: last }) };
}

/** `false` if its owner was erased meanwhile, and with it what was due. */
export async function unlessGone(removal: Promise<boolean>): Promise<boolean> {
  try {
    return await removal;
  } catch (error) {
    if (error instanceof PersonaError && /^(customer|device)_not_found$/.test(error.type)) return false;
    throw error;
  }
}
