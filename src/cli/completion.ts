import type { Command, Option } from 'commander';

/** The shells that there is a completion script for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);
const longNames = (command: Command) => optionsOf(command).map(({ long }) => String(long));
const argumentChoices = (command: Command) => command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
/** `<path>` in an option's flags (`--token-file <path>`) stands for a file. */
const takesFile = ({ flags }: Option) => flags.endsWith('<path>');

/** An argument `<path>` stands for a file too. */
const hasFileArgument = (command: Command) =>
  command.registeredArguments.some((argument) => argument.name() === 'path');

/** The commands, with the `help` that commander adds. */
const commandsOf = (program: Command): readonly Command[] => program.createHelp().visibleCommands(program);

/** zsh runs it too, by its emulation of bash's completion. */
function bashScript(program: Command): string {
  const name = program.name();
  const list = (words: readonly string[]) => quoted(words.join(' '));
  const valueCases = program.commands.flatMap((command) =>
    optionsOf(command)
      .filter((option) => option.required)
      .map((option) => {
        const values = takesFile(option) ? 'files=1' : `words=${list(option.argChoices ?? [])}`;
        return `    ${quoted(`${command.name()} ${option.long}`)}) ${values} ;;`;
      }),
  );
  const commandCases = program.commands.map((command) => {
    const words = list([...argumentChoices(command), ...longNames(command)]);
    const files = hasFileArgument(command) ? `; [ "\${word#-}" = "$word" ] && files=1` : '';
    return `    ${quoted(`${command.name()} `)}*) words=${words}${files} ;;`;
  });
  const first = [...commandsOf(program).map((command) => command.name()), ...longNames(program)];
  return `_truto_engagements() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words= files= IFS=$' \\t\\n'
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${[...valueCases, ...commandCases].join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words=${list(first)}; fi
  if [ -n "$files" ]; then
    # Quotes spaces, and continues after a folder. zsh and old versions of bash have no compopt.
    compopt -o filenames 2> /dev/null
    IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$word"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _truto_engagements ${name}`;
}

function fishScript(program: Command): string {
  const begin = `complete -c ${program.name()}`;
  const about = (description: string) => ` -d ${quoted(description.split(/[.;:,]/, 1)[0] ?? '')}`;
  const commands = commandsOf(program).map(
    (command) => `${begin} -n __fish_use_subcommand -a ${command.name()}${about(command.description())}`,
  );
  const ofCommand = program.commands.flatMap((command) => {
    const seen = `${begin} -n '__fish_seen_subcommand_from ${command.name()}'`;
    const choices = argumentChoices(command);
    const options = optionsOf(command).map((option) => {
      const values = option.argChoices ? ` -xa ${quoted(option.argChoices.join(' '))}` : ' -x';
      const value = takesFile(option) ? ' -rF' : option.required ? values : '';
      return `${seen} -l ${option.long?.slice(2)}${value}${about(option.description)}`;
    });
    const files = hasFileArgument(command) ? [`${seen} -F`] : [];
    return [...files, ...(choices.length > 0 ? [`${seen} -a ${quoted(choices.join(' '))}`] : []), ...options];
  });
  return [`${begin} -f`, `${begin} -n __fish_use_subcommand -l version`, ...commands, ...ofCommand].join('\n');
}

/** The script that completes the program's commands, options and their values in a shell. It starts no process. */
export function completionScript(shell: (typeof shells)[number], program: Command): string {
  if (shell === 'fish') return fishScript(program);
  const bash = bashScript(program);
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}
