import type { GraphiQLOptions } from 'graphql-yoga';

/** Text that a script may hold, whatever is in it: nothing in it ends the script. */
const inScript = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c');

/**
 * Stores what is in the first tab as what the editors hold, unless this browser has been here before. GraphiQL 5 fills them
 * from there, and not from the tab that it opens with: without this they would be empty. On a reload it looks for the tab
 * that holds what was stored, and opens an empty one when there is none, so its own options, which would go before what is
 * stored, are no way to fill them.
 */
function fillEditors({ query = '', variables = '', headers = '' }: Record<string, string | null>): string {
  const values = { query, variables, headers };
  return `<script>
    if (localStorage.getItem('graphiql:tabState') === null)
      for (const [name, text] of Object.entries(${inScript(values)})) localStorage.setItem('graphiql:' + name, text);
  </script>`;
}

/**
 * GraphiQL lets its tabs be dragged, and keeps where it believes each to be in a `transform` that is wrong from the start. Its
 * own style ignores that until a tab has the focus, which a press of the button gives it: it jumps away, and is not clicked.
 */
const holdTabs = '<style>.graphiql-tab { transform: none !important; }</style>';

/** GraphiQL's page, with the first of its tabs open and all others beside it, also after a reload. */
export async function renderGraphiQLPage(options: GraphiQLOptions): Promise<string> {
  // Nine megabytes of page: loaded when somebody opens it, not at every start.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  // Behind it: a browser looks for it in the first kilobyte only.
  const charset = '<meta charset="utf-8" />';
  const head = charset + holdTabs + fillEditors({ ...options.defaultTabs?.[0] });
  return renderGraphiQL(options).replace(charset, () => head);
}
