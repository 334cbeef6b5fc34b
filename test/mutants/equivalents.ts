/** Mutants that change nothing anybody can see: the changed lines before and after, wherever they are, and why. */
export const equivalents: readonly (readonly [before: string, after: string, why: string])[] = [];
