/** Mutants that change nothing anybody can see: the module's file name, the changed lines before and after, and why. */
export const equivalents: readonly (readonly [file: string, before: string, after: string, why: string])[] = [];
