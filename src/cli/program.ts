import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ConfigError, type Dialect, parseSettings } from '../config/config.ts';
import { version } from '../config/version.ts';
import { engagementTypes } from '../engagement/input.ts';
import { completionScript, shells } from './completion.ts';
import { createOutput, type ExitCode, exitCodes, UsageError } from './output.ts';

/** Runs one command, and prints a mistake in its use. Returns how the process ends; undefined for a command that runs until it is stopped. */
export async function runCommand(args: readonly string[]): Promise<ExitCode | undefined> {
  let exitCode: ExitCode | undefined;
  const program = createProgram((code) => {
    exitCode = code;
  });

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // The help is being written, and its reader may have left: `--help | head`.
      process.stdout.on('error', () => {});
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    const isUsage = error instanceof ConfigError || error instanceof UsageError;
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : error}\n`);
    return isUsage ? exitCodes.usage : exitCodes.failed;
  }
}

const tokenText = `
Which Truto token is used, and where requests go (the first that is set):
  1. --token-file <path>: requests go to TRUTO_BASE_URL (https://api.truto.one)
  2. SANDBOX=1: an embedded sandbox with its own token, for as long as the command runs. Nothing real is deleted, and
     standard error says so
  3. the variable TRUTO_API_TOKEN: requests go to TRUTO_BASE_URL
  4. nothing: the embedded sandbox
  There is no argument for the token: other users of the machine could see it (ps). It is never printed.
`;

const used = {
  1: 'a fault of this program, or its output could not be written',
  2: 'an option, a setting or a token is missing or invalid. Nothing was sent',
};

const exitCodesOfReads = {
  0: 'done',
  ...used,
  3: 'refused: the same again would be refused too',
  4: 'not now: the same again, later, may succeed',
};

const exitCodesOfDeletes = {
  0: 'done: deleted, accepted or already absent; a dry run that found no refusal',
  ...used,
  3: 'refused: not deleted, and the same again would be refused too',
  4: 'not now: not deleted; the same again, later, may succeed',
  5: 'unknown: it may be deleted. Run the same again, with another --idempotency-key or none: 0, or a NotFoundError whose accountFound is true, means that it is gone',
};

const exitCodesOfRestores = {
  0: 'done: restored now or by an earlier run, or the engagement still exists; a dry run that found no refusal',
  ...used,
  3: 'refused: not restored, and the same again would be refused too',
  4: 'not now: not restored; the same again, later, may succeed',
  5: 'unknown: a new record may exist. Look for it in the CRM. The same again only searches for it',
};

function exitCodesText(texts: Readonly<Partial<Record<ExitCode, string>>>): string {
  const lines = Object.entries(texts).map(([code, text]) => `  ${code}  ${text}`);
  return `\nExit codes:\n${lines.join('\n')}`;
}

const wholeNumber = (form: RegExp, rule: string) => (text: string) => {
  if (!form.test(text)) throw new InvalidArgumentError(rule);
  return Number(text);
};
const seconds = wholeNumber(/^\d{1,6}$/, 'It must be a whole number of seconds.');
const count = wholeNumber(/^[1-9]\d{0,8}$/, 'It must be a whole number from 1 on.');

/** Commander takes the next option for a value that is missing: `--idempotency-key --dry-run` would delete. */
function refuseMissingValues(command: Command): void {
  for (const option of command.options) {
    const value = command.getOptionValue(option.attributeName());
    if (typeof value === 'string' && value.startsWith('--'))
      throw new UsageError(`${option.long} needs a value, and ${value} looks like an option. Nothing was sent.`);
  }
}

/** Takes the types in any case. */
function typeOption(description: string): Option {
  const option = new Option('--type <type>', description).choices(engagementTypes);
  const { parseArg } = option;
  return option.argParser((text, previous) => parseArg?.(text.toLowerCase(), previous));
}
const neededType = typeOption('type of the engagement; some integrations need it');

/** Adds the options and the help of all commands that reach upstream. */
function reachingUpstream(command: Command, exitCodeTexts: Parameters<typeof exitCodesText>[0]): Command {
  return command
    .option('--token-file <path>', 'a file that holds only your Truto token (instead of TRUTO_API_TOKEN)')
    .addHelpText('after', tokenText + exitCodesText(exitCodeTexts));
}

const jsonText = 'print JSON; the default where standard output is not a terminal';
const accountText = "Truto's id of the integrated account";

/** Adds the options of the commands that read engagements. */
function reading(command: Command): Command {
  return reachingUpstream(command, exitCodesOfReads)
    .requiredOption('--account <id>', accountText)
    .option('--json', jsonText)
    .option('--patience <seconds>', 'how long to retry failed reads', seconds, 60);
}

function deleting(command: Command): Command {
  return reachingUpstream(command, exitCodesOfDeletes)
    .requiredOption('--account <id>', accountText)
    .addOption(neededType)
    .option('--dry-run', 'check arguments, token and account, and print the request; delete nothing')
    .option(
      '--snapshot',
      'read the record first and print all of it, as JSON: restore reads that. A record that cannot be read is not deleted',
    )
    .option(
      '--idempotency-key <key>',
      'your own key for the Idempotency-Key header, instead of a new one each time. Use another one after a refusal, or exit code 5',
    )
    .option('--json', jsonText)
    .option('--patience <seconds>', 'how long to retry failures that are safe to retry', seconds, 60);
}

/** The program, with all of its commands. `setExitCode` gets the exit code of the one that runs. */
export function createProgram(setExitCode: (code: ExitCode) => void): Command {
  /** Loads a command when it is called. Commander gives it its arguments, and then its options. */
  const run =
    (load: () => Promise<(...given: never[]) => Promise<ExitCode>>) =>
    async (...given: unknown[]) =>
      setExitCode(await (await load())(...(given as never[])));
  async function print(text: string): Promise<void> {
    const output = createOutput();
    output.print(text);
    setExitCode(await output.end(exitCodes.done));
  }

  const program = new Command('truto-engagements')
    .description(
      "Lists, deletes and restores engagements (calls, chats, emails, meetings, notes in CRMs) through Truto's Unified CRM " +
        'API, and serves them as GraphQL. Nothing real is deleted until you set a token or an upstream.',
    )
    .version(version, '--version', 'print the version')
    // Commander would end the process by itself, and with 1 for wrong use. Commands inherit it.
    .exitOverride()
    .showHelpAfterError('(add --help for the usage)')
    .addHelpText(
      'after',
      `
Examples:
  $ truto-engagements check --account <account id>
  $ truto-engagements list --account <account id>
  $ truto-engagements delete <id> --account <account id> --dry-run
  $ truto-engagements bulk --account <account id> < ids.txt > results.jsonl
  $ truto-engagements restore undo.jsonl --dry-run
  $ truto-engagements print-schema --dialect federation > federation.graphql

Settings are environment variables: HOST, PORT, TRUTO_BASE_URL, AUTH_MODE and the others in docs/configuration.md.
${exitCodesText(exitCodesOfDeletes)}`,
    )
    .hook('preAction', (_program, command) => refuseMissingValues(command));

  program
    .command('serve')
    .description('Serve GraphQL. Without settings: with GraphiQL, and over an embedded sandbox.')
    .addHelpText(
      'after',
      '\nAll settings are environment variables (docs/configuration.md). SIGTERM drains the server. Exit code 1: it cannot start.',
    )
    .action(async () => void (await import('../serve.ts')));

  program
    .command('sandbox')
    .description("Run an imitation of Truto's REST routes, with invented data, for any client with a base URL.")
    .addHelpText(
      'after',
      '\nHOST (127.0.0.1), PORT (4010), SANDBOX_ENGAGEMENTS (30), SANDBOX_LIMITS, SANDBOX_FIELDS, SANDBOX_PARAMETERS,\nand SANDBOX_WEBHOOK_URL with TRUTO_WEBHOOK_SECRETS are environment variables.',
    )
    .action(async () => void (await import('../sandbox/main.ts')));

  program
    .command('print-schema')
    .description('Print the GraphQL schema, for a client, a composer or a gateway.')
    .addOption(
      new Option('--dialect <dialect>', 'for a supergraph: the value of SUBGRAPH')
        .choices(['none', 'federation', 'stitching'])
        .default('none'),
    )
    .option('--type-prefix <prefix>', 'with a dialect: the value of TYPE_PREFIX', '')
    .option('--additional-fields <json>', 'the value of ADDITIONAL_FIELDS')
    .option('--service', 'for AUTH_MODE=service: the federated schema says which fields need a caller', false)
    .addHelpText('after', exitCodesText({ 0: 'done', ...used }))
    .action(async (options: { dialect: Dialect; typePrefix: string; service: boolean; additionalFields?: string }) => {
      const { printedSchema } = await import('../graphql/schema.ts');
      const { dialect, typePrefix, service: provesCallers } = options;
      const { additionalFields } = parseSettings({ ADDITIONAL_FIELDS: options.additionalFields });
      await print(printedSchema({ dialect, typePrefix, provesCallers, additionalFields }).trimEnd());
    });

  reachingUpstream(program.command('check'), exitCodesOfReads)
    .description('Check configuration, upstream, token and account, and say how to fix a fault. Changes nothing.')
    .option('--account <id>', 'also check this integrated account: what it can delete, and whether it is connected')
    .option('--drift', "with --account: compare its methods and 100 of its engagements with Truto's documentation")
    .action(run(async () => (await import('./check.ts')).checkCommand));

  reading(program.command('list'))
    .description('List engagements of an integrated account: id, type, subject, created. Changes nothing.')
    .addOption(typeOption('only engagements of this type'))
    .option('--first <count>', 'how many to list', count, 25)
    .addOption(new Option('--all', 'list all of them').conflicts('first'))
    .addOption(new Option('--ids', 'print only ids, one a line, as bulk reads them').conflicts('json'))
    .action(run(async () => (await import('./list.ts')).listCommand));

  reading(program.command('get'))
    .description('Print one engagement with all of its fields. Changes nothing.')
    .argument('<id>', "Truto's id of the engagement")
    .addOption(neededType)
    .action(run(async () => (await import('./list.ts')).getCommand));

  reading(program.command('jobs'))
    .description('List the bulk deletes that servers run in an account, newest first; or pause, resume or cancel one.')
    .option('--first <count>', 'how many to list', count, 20)
    .addOption(new Option('--all', 'list all of them').conflicts('first'))
    .addOption(new Option('--pause <id>', 'send nothing further until it is resumed').conflicts(['resume', 'cancel']))
    .addOption(new Option('--resume <id>', 'continue a paused one').conflicts('cancel'))
    .option('--cancel <id>', 'end it: no further delete starts')
    .option('--yes', 'do not ask before a cancel. Only a terminal is asked')
    .addHelpText(
      'after',
      '\nNeeds the REDIS_URL of the servers, and their REDIS_PREFIX if they have one. You see what Truto shows your token.',
    )
    .action(run(async () => (await import('./jobs.ts')).jobsCommand));

  reachingUpstream(program.command('mcp'), { 0: 'ended by its client or a signal', ...used })
    .description(
      'Serve tools for agents by the Model Context Protocol, on standard input and output. A delete needs the confirmation token of its plan.',
    )
    .addOption(new Option('--http', 'serve streamable HTTP at /mcp: callers send their tokens').conflicts('tokenFile'))
    .addHelpText(
      'after',
      `
Needs the package @modelcontextprotocol/sdk: npm install @modelcontextprotocol/sdk
With --http, HOST (127.0.0.1), PORT (4000) and AUTH_MODE are as for serve. The log is on standard error.`,
    )
    .action(run(async () => (await import('./mcp.ts')).mcpCommand));

  deleting(program.command('delete'))
    .description('Delete one engagement, and print one line that says how it ended. It cannot be undone.')
    .argument('<id>', "Truto's id of the engagement")
    .option('--yes', 'do not ask for confirmation. Only a terminal is asked')
    .action(run(async () => (await import('./delete.ts')).deleteCommand));

  deleting(program.command('bulk'))
    .description(
      'Delete the engagements whose ids are on standard input, one a line. Prints a line for each as it ends, and draws ' +
        "a bar on a terminal's standard error. Stays within Truto's limits; needs no Redis. Ctrl-C finishes requests in flight, " +
        'and prints NotSent for the rest. It cannot be undone.',
    )
    .addHelpText(
      'after',
      `  Of many deletes, the highest code counts.

Truto allows 50 requests per 10 s per account, so 1,000 ids take about 4 minutes. A server that uses the same account at
the same time counts separately: then Truto's 429s make both wait.
A second Ctrl-C ends the command at once: an id without a line may be deleted, or not.

Find ids, and delete them:
  $ truto-engagements list --account <account id> --all --ids > ids.txt
  $ truto-engagements bulk --account <account id> --json < ids.txt > results.jsonl
Send again every id that is not known to be deleted:
  $ jq -r 'select(.result == "DeleteEngagementSuccess") | .id' results.jsonl | grep -vxFf - ids.txt
`,
    )
    .action(run(async () => (await import('./bulk.ts')).bulkCommand));

  reachingUpstream(program.command('restore'), exitCodesOfRestores)
    .description(
      'Create deleted engagements again, from an undo file of a bulk delete, a folder of them, or the lines that delete and ' +
        'bulk print with --snapshot. First prints what cannot be restored; then a line for each record, with its old and its ' +
        'new id. A record that still exists is left alone.',
    )
    .argument('<path>', 'the file, or the folder of the .jsonl files')
    .option('--dry-run', 'only check which records are gone and can be created; create nothing')
    .option('--yes', 'do not ask for confirmation. Only a terminal is asked')
    .option('--json', jsonText)
    .option('--patience <seconds>', 'how long to retry failures that are safe to retry', seconds, 60)
    .addHelpText(
      'after',
      `  Of many records, the highest code counts.

The file restored.jsonl in the same folder has the new id of each restored record. Keep it: with it, a second run
creates nothing twice. A restored record is a new one, with a new id and without its notes; links to the old id
stay broken.
`,
    )
    .action(run(async () => (await import('./restore.ts')).restoreCommand));

  program
    .command('completion')
    .description('Print a script that completes commands, options and their values in your shell.')
    .addArgument(new Argument('<shell>', 'your shell').choices(shells))
    .addHelpText(
      'after',
      `
Completes truto-engagements, which must be in your PATH. Load the script when the shell starts:
  bash  echo 'source <(truto-engagements completion bash)' >> ~/.bashrc
  zsh   echo 'source <(truto-engagements completion zsh)' >> ~/.zshrc   (after compinit)
  fish  truto-engagements completion fish > ~/.config/fish/completions/truto-engagements.fish`,
    )
    .action((shell: (typeof shells)[number]) => print(completionScript(shell, program)));

  return program;
}
