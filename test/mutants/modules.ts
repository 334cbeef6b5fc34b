/** The modules that decide: those whose mutants are tried. By folder, so that what moves within one is still found. */
export const modules: readonly string[] = [
  'src/bulk/**/*.ts',
  'src/engagement/**/*.ts',
  'src/redis/**/*.ts',
  'src/upstream/**/*.ts',
  'src/graphql/prepared/**/*.ts',
  'src/graphql/core/answer-room.ts',
  'src/http/{answers,callers,connections,requests}/*.ts',
  'src/http/front-door.ts',
];
