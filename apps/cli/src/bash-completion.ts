/**
 * The completion for bash. The script of the completion library needs the package bash-completion,
 * evaluates the words of the line as commands, and completes no names of files.
 */
export const BASH_COMPLETION = `# bash completion for sluice
__sluice_complete() {
    local current="\${COMP_WORDS[COMP_CWORD]}" line
    local IFS=$'\\n'
    local -a values=()
    while read -r line; do
        # A line is a value, a tab and its description; the last line is a directive.
        [[ $line == :* ]] || values+=("\${line%%$'\\t'*}")
    done < <(sluice complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=($(compgen -W "\${values[*]}" -- "$current"))
}

complete -o default -F __sluice_complete sluice
`;
