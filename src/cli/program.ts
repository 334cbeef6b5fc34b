import { Command, InvalidArgumentError, Option } from 'commander';
import { engagementTypes } from '../engagement/input.ts';
import type { CheckOptions } from './check.ts';
import { tokenText } from './credential.ts';
import type { DeleteOptions } from './delete-engagement.ts';
import { type ExitCode, exitCodesText } from './exit-code.ts';
import type { PrintSchemaOptions } from './print-schema.ts';

/** How the commands that run until they are told to stop are started. */
export interface LongRunning {
  serve(): Promise<void>;
  sandbox(): Promise<void>;
}

function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}

function engagementType(text: string): string {
  const type = text.toLowerCase();
  if (!(engagementTypes as readonly string[]).includes(type))
    throw new InvalidArgumentError(`It must be one of ${engagementTypes.join(', ')}.`);
  return type;
}

/** What all commands have that reach upstream. */
function reachingUpstream(command: Command): Command {
  return command
    .option('--token-file <path>', 'a file that holds nothing but your Truto token (instead of TRUTO_API_TOKEN)')
    .addHelpText('after', tokenText + exitCodesText);
}

function deleting(command: Command): Command {
  return reachingUpstream(
    command
      .requiredOption('--account <id>', "Truto's id of the integrated account that it is in")
      .addOption(
        new Option(
          `--type <type>`,
          `what kind it is: ${engagementTypes.join(', ')}; some integrations need it`,
        ).argParser(engagementType),
      )
      .option(
        '--dry-run',
        'check arguments, token and account, and print the request that would be sent; delete nothing',
      )
      .option('--snapshot', 'read it first, and print all of it; what cannot be read is not deleted')
      .option(
        '--idempotency-key <key>',
        'goes into the Idempotency-Key that upstream gets, instead of a new one each time; after a refusal, use a new one',
      )
      .option(
        '--patience <seconds>',
        'how long to try again where nothing, or nobody knows what, was done',
        seconds,
        60,
      ),
  );
}

/**
 * The program, with all of its commands. What a command needs is loaded when it is called.
 * @param setExitCode is told how a command ended.
 */
export function createProgram(longRunning: LongRunning, setExitCode: (code: ExitCode) => void): Command {
  const program = new Command('truto-engagements')
    .description(
      "Deletes engagements (calls, chats, emails, meetings, notes in CRMs) through Truto's Unified CRM API, and serves " +
        'them as GraphQL. Nothing real is touched until you set a token or an upstream.',
    )
    .showHelpAfterError('(add --help for what there is)')
    // All of it said where a script can look: nothing but results goes to standard output.
    .addHelpText(
      'after',
      `
Examples:
  $ truto-engagements check --account <account id>
  $ truto-engagements delete <id> --account <account id> --dry-run
  $ truto-engagements bulk --account <account id> < ids.txt > results.jsonl
  $ truto-engagements print-schema --dialect federation > federation.graphql

Settings are environment variables: HOST, PORT, TRUTO_BASE_URL, AUTH_MODE and the others of the README's table.
${exitCodesText}`,
    );

  program
    .command('serve')
    .description('Serve GraphQL; without any setting, with GraphiQL and over an embedded sandbox.')
    .addHelpText(
      'after',
      '\nAll settings are environment variables (README, Configuration). SIGTERM drains. Ends with 1 when it cannot start.',
    )
    .action(() => longRunning.serve());

  program
    .command('sandbox')
    .description("Run an imitation of Truto's REST routes, with invented data, for anything that takes a base URL.")
    .addHelpText(
      'after',
      '\nHOST (127.0.0.1), PORT (4010), SANDBOX_ENGAGEMENTS (30) and SANDBOX_LIMITS are environment variables.',
    )
    .action(() => longRunning.sandbox());

  program
    .command('print-schema')
    .description('Print the GraphQL schema, as a client, a composer or a gateway wants it.')
    .addOption(
      new Option('--dialect <dialect>', 'for a supergraph: what SUBGRAPH is set to')
        .choices(['none', 'federation', 'stitching'])
        .default('none'),
    )
    .option('--type-prefix <prefix>', 'with a dialect: what TYPE_PREFIX is set to')
    .option('--service', 'as it is with AUTH_MODE=service: federation is told which fields need a caller')
    .addHelpText('after', exitCodesText)
    .action(async (options: PrintSchemaOptions) => {
      const { printSchemaCommand } = await import('./print-schema.ts');
      setExitCode(await printSchemaCommand(options));
    });

  reachingUpstream(
    program
      .command('check')
      .description(
        'Check configuration, token, the way to upstream and an account, and say what to do. Changes nothing.',
      )
      .option('--account <id>', 'the integrated account to look at: what it can delete, and whether it is connected'),
  ).action(async (options: CheckOptions) => {
    const { checkCommand } = await import('./check.ts');
    setExitCode(await checkCommand(options));
  });

  deleting(
    program
      .command('delete')
      .description(
        'Delete one engagement, and print one line of JSON that says what became of it. It cannot be undone.',
      )
      .argument('<id>', "upstream's id of the engagement"),
  ).action(async (id: string, options: DeleteOptions) => {
    const { deleteEngagementCommand } = await import('./delete-engagement.ts');
    setExitCode(await deleteEngagementCommand(id, options));
  });

  deleting(
    program
      .command('bulk')
      .description(
        'Delete the engagements whose ids stand on standard input, one a line. Prints one line of JSON for each as it ' +
          "comes, and draws a bar on a terminal's standard error. Keeps Truto's limits; needs no Redis. Ctrl-C finishes what " +
          'was sent, and says NotSent of the rest. It cannot be undone.',
      ),
  )
    .addHelpText(
      'after',
      `
It shares its limits with no server: where one uses the same account at the same time, Truto's 429s make both wait.
A second Ctrl-C ends it at once: what has no line then may be deleted, or may not.
To send again all that is not known to be deleted:
  $ jq -r 'select(.result == "DeleteEngagementSuccess") | .id' results.jsonl | grep -vxFf - ids.txt
`,
    )
    .action(async (options: DeleteOptions) => {
      const { bulkDeleteCommand } = await import('./bulk-delete.ts');
      setExitCode(await bulkDeleteCommand(options));
    });

  return program;
}
