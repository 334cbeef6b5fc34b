import { stripTypeScriptTypes } from 'node:module';
import redos from 'eslint-plugin-redos';

const typescript = {
  meta: { name: 'strip-types' },
  preprocess: (text) => [stripTypeScriptTypes(text)],
  postprocess: ([messages = []]) => messages,
};
export default [
  {
    files: ['src/**/*.ts'],
    plugins: { redos },
    processor: typescript,
    rules: {
      'redos/no-vulnerable': ['error', { ignoreErrors: false, timeout: 30_000, cache: false }],
    },
  },
];
