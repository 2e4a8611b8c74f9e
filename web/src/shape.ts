/** Shapes that unknown data is read with: each gives the typed value or throws Misshapen. */

export class Misshapen extends Error {}

export type Shape<T> = (value: unknown) => T;
export type Of<S> = S extends Shape<infer T> ? T : never;

type Fields = Record<string, Shape<unknown>>;
type Read<F extends Fields> = { readonly [K in keyof F]: Of<F[K]> };

function fail(what: string): never {
  throw new Misshapen(what);
}

export const text: Shape<string> = (value) => (typeof value === "string" ? value : fail("text"));
export const number: Shape<number> = (value) =>
  typeof value === "number" && Number.isFinite(value) ? value : fail("number");
export const flag: Shape<boolean> = (value) => (typeof value === "boolean" ? value : fail("flag"));

export function oneOf<const T extends readonly (string | number)[]>(...words: T): Shape<T[number]> {
  return (value) => words.find((word) => word === value) ?? fail("one of");
}

/** null, or left out. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null || value === undefined ? null : shape(value));
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value) => (Array.isArray(value) ? value.map((each: unknown) => shape(each)) : fail("list"));
}

/** An array of a fixed length: `tuple(number, number)`. */
export function tuple<const S extends readonly Shape<unknown>[]>(
  ...shapes: S
): Shape<{ readonly [K in keyof S]: Of<S[K]> }> {
  return (value) => {
    if (!Array.isArray(value) || value.length !== shapes.length) return fail("tuple");
    return shapes.map((shape, index) => shape(value[index])) as { readonly [K in keyof S]: Of<S[K]> };
  };
}

/** An object with these fields; fields of a newer server are passed over. */
export function record<F extends Fields>(fields: F): Shape<Read<F>> {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("record");
    const source = value as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(fields).map(([name, shape]) => [name, shape(source[name])]),
    ) as Read<F>;
  };
}
