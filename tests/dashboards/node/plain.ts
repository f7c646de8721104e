// A type as JSON holds it: the word of an enum in the enum's place. What is not named stays forbidden.
export type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends ReadonlyArray<infer One>
      ? Plain<One>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;
