import type { Offer } from './offers.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/**
 * A script that completes commands, options and their values from what it was written with, so that no process is
 * started at a key; only names of extractions are asked for.
 */
export function completionScript(shell: Shell, offers: readonly Offer[]): string {
  return { bash, zsh, fish }[shell](offers)
}

/** What bash and zsh have in common: functions that print what may follow, by the words that stand there. */
function shared(offers: readonly Offer[]): string {
  const lines = (of: (offer: Offer) => string[]) =>
    offers
      .map((offer) => [offer.path, of(offer)] as const)
      .filter(([, words]) => words.length > 0)
      .map(([path, words]) => `    ${quote(path)}) echo ${quote(words.join(' '))} ;;`)
      .join('\n')
  const values = offers.flatMap(({ path, options }) =>
    options
      .filter(({ takes }) => takes)
      .map(
        ({ flag, choices }) =>
          `    ${quote(`${path} ${flag}`)}) echo ${quote(choices.join(' ') || '-')} ;;`,
      ),
  )
  return `# What may follow these words: commands, or what the command takes.
_banyan_words() {
  case "$1" in
${lines(({ commands, choices }) => [...commands.map(({ name }) => name), ...choices])}
  esac
}
_banyan_options() {
  case "$1" in
${lines(({ options }) => options.map(({ flag }) => flag))}
  esac
}
# What may follow an option; "-" for what only its user knows.
_banyan_values() {
  case "$1" in
${values.join('\n')}
  esac
}
_banyan_is_named() {
  case "$1" in
    ${offers
      .filter(({ named }) => named)
      .map(({ path }) => quote(path))
      .join('|')}) return 0 ;;
  esac
  return 1
}
_banyan_is_command() {
  case "$1" in
    ${offers.map(({ path }) => quote(path)).join('|')}) return 0 ;;
  esac
  return 1
}
# Prints what may stand where the last of the given words stands; nothing where files may.
_banyan_offer() {
  local path='' word before='' longer
  while [ $# -gt 1 ]; do
    word=$1 before=$1
    longer="$path\${path:+ }$word"
    if _banyan_is_command "$longer"; then path=$longer; fi
    shift
  done
  local values
  case "$before" in
    -*) values=$(_banyan_values "$path $before")
        if [ "$values" = - ]; then return; elif [ -n "$values" ]; then echo "$values"; return; fi ;;
  esac
  case "$1" in
    -*) _banyan_options "$path" ;;
    *) _banyan_words "$path"
       if _banyan_is_named "$path"; then banyan completion names 2>/dev/null; fi ;;
  esac
}`
}

function bash(offers: readonly Offer[]): string {
  return `# Completion of banyan for bash: source <(banyan completion bash)
${shared(offers)}
_banyan() {
  local offered
  offered=$(_banyan_offer "\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$offered" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _banyan banyan
`
}

function zsh(offers: readonly Offer[]): string {
  return `#compdef banyan
# Completion of banyan for zsh: source <(banyan completion zsh), after compinit
${shared(offers)}
_banyan() {
  local -a offered
  offered=(\${(f)"$(_banyan_offer "\${(@)words[2,CURRENT]}" | tr ' ' '\\n')"})
  if [ \${#offered} -gt 0 ]; then compadd -a offered; else _files; fi
}
if [ "$funcstack[1]" = _banyan ]; then _banyan "$@"; else compdef _banyan banyan; fi
`
}

function fish(offers: readonly Offer[]): string {
  const lines = offers.flatMap(({ path, commands, options, choices, named }) => {
    const here = `-n ${quote(`__banyan_at ${path}`.trim())}`
    const start = `complete -c banyan ${here}`
    const words = [
      ...commands.map(({ name, about }) => `${start} -f -a ${name} -d ${quote(about)}`),
      ...choices.map((choice) => `${start} -f -a ${choice}`),
      ...(named ? [`${start} -f -a '(banyan completion names 2>/dev/null)'`] : []),
    ]
    const flags = options.map(({ flag, about, takes, choices: values }) => {
      const after = !takes ? '' : values.length > 0 ? ` -x -a ${quote(values.join(' '))}` : ' -r'
      return `${start} -l ${flag.slice(2)} -d ${quote(about)}${after}`
    })
    return [...words, ...flags]
  })
  const paths = offers.map(({ path }) => quote(path)).join(' ')
  return `# Completion of banyan for fish: banyan completion fish > ~/.config/fish/completions/banyan.fish
function __banyan_at
  set -l path
  for word in (commandline -opc)[2..-1]
    set -l longer (string join -- ' ' $path $word)
    contains -- "$longer" ${paths}; and set path $longer
  end
  test "$path" = "$argv"
end
${lines.join('\n')}
`
}

/** For all three shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", '’')}'`
}
