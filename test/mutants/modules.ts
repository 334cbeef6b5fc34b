/** The modules that decide: those whose mutants are tried. By folder, so that what moves within one is still found. */
export const modules: readonly string[] = [
  'src/bulk/**/*.ts',
  'src/engagement/**/*.ts',
  'src/redis/**/*.ts',
  'src/upstream/**/*.ts',
  'src/graphql/prepared/**/*.ts',
  'src/http/{callers/*,requests/*,answers/*,auth,front-door,mask-error,request-body,use-check-*}.ts',
];
