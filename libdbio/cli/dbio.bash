# bash completion for dbio(1).
_dbio() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-} i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "doctor run stat top why off on coverage probe --help --version" -- "$word")
        return
    fi
    # What stands behind -- is a command with completions of its own.
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [ "${COMP_WORDS[i]}" = -- ]; then
            if declare -F _command_offset >/dev/null; then
                _command_offset $((i + 1))
            else
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            fi
            return
        fi
    done
    case $before in
        --mode)
            mapfile -t COMPREPLY < <(compgen -W "auto direct buffered dontcache off" -- "$word")
            return
            ;;
        --dir)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        --policy | --registry | --statistics | --stats-json)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
    esac
    case $command,$word in
        run,*) mapfile -t COMPREPLY < <(compgen -W "--mode --policy --programs --conf --statistics --stats-json --help --" -- "$word") ;;
        doctor,*) mapfile -t COMPREPLY < <(compgen -W "--dir --help --" -- "$word") ;;
        stat,-*) mapfile -t COMPREPLY < <(compgen -W "--json --prometheus --registry --statistics --help" -- "$word") ;;
        top,-*) mapfile -t COMPREPLY < <(compgen -W "--json --registry --interval --count --all --help" -- "$word") ;;
        off,-* | on,-*) mapfile -t COMPREPLY < <(compgen -W "--statistics --help" -- "$word") ;;
        stat,* | top,* | off,* | on,*) mapfile -t COMPREPLY < <(compgen -W "$(ps -u "$UID" -o pid= 2>/dev/null)" -- "$word") ;;
        why,-* | probe,-* | coverage,-*) mapfile -t COMPREPLY < <(compgen -W "--json --help" -- "$word") ;;
        why,* | probe,* | coverage,*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}
complete -F _dbio dbio
