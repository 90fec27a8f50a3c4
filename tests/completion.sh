#!/bin/bash
# completion.sh -- what --completion prints completes: in bash, and in zsh and fish where they are. Each shell
# is asked what may stand at the end of a line, and all have to answer with the same words.
# Ends with `completion: N passed, N failed`.
# usage: completion.sh BUILD
set -u
. "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.." || exit 1
build=$(cd "$1" && pwd) || exit 1
passed=0 failed=0
temp=$(mktemp -d "${TMPDIR:-/tmp}/completion.XXXXXX")
trap 'rm -rf "$temp"' EXIT
good() { passed=$((passed + 1)); }
bad() { echo "completion: $*"; failed=$((failed + 1)); }
PATH="$build:$PATH"
shells=bash
for shell in zsh fish; do ! command -v $shell >/dev/null || shells="$shells $shell"; done

# ---- the scripts ----------------------------------------------------------------------------------

tools=
for source in tools/ane*.c; do tools="$tools $(basename "$source" .c)"; done
mkdir "$temp/scripts" "$temp/files" "$temp/home"
for tool in $tools; do
    for shell in bash zsh fish; do
        case $shell in zsh) script=$temp/scripts/_$tool ;; *) script=$temp/scripts/$tool.$shell ;; esac
        "$tool" --completion $shell >"$script" || bad "$tool --completion $shell fails"
        case " $shells " in *" $shell "*)
            if $shell -n "$script" 2>"$temp/err"; then good; else bad "$tool: $shell does not read it:"; cat "$temp/err"; fi ;;
        esac
        # Every option that --help has.
        missing=
        for option in $({ "$tool" --help; [ "$tool" != anec ] || anec lint --help; } | sed -nE 's/^ +(-[a-zA-Z], )?--([a-z0-9-]+).*/\2/p'); do
            grep -qE -- "(--|-l )$option\b" "$script" || missing="$missing --$option"
        done
        if [ -z "$missing" ]; then good; else bad "$tool --completion $shell lacks$missing"; fi
    done
done
for shell in bash zsh fish; do
    if anec lint --completion $shell | cmp -s - "$temp/scripts/$(case $shell in zsh) echo _anec ;; *) echo anec.$shell ;; esac)"
    then good; else bad "anec lint --completion $shell is not that of anec"; fi
done
# The endings of models are those of the table.
for ending in .anedsl $(sed -n 's/^ *{ *"\(\.[a-z]*\)".*/\1/p' ir/mil/container.c); do
    if grep -qE "\.anedsl.*$ending[ ']|files='$ending" "$temp/scripts/anerun.bash"; then good
    else bad "anerun completes no $ending"; fi
done

# ---- asking a shell -------------------------------------------------------------------------------
# Each prints what may stand in place of the last word, a line each.

ask_bash() {
    bash -c 'tool=${2%% *}; source "$1/$tool.bash"; COMP_LINE=$2 COMP_POINT=${#2}
        _$tool && [ ${#COMPREPLY[@]} -gt 0 ] && printf "%s\n" "${COMPREPLY[@]}"' ask "$temp/scripts" "$1"
}

ask_fish() {
    HOME=$temp/home XDG_CONFIG_HOME=$temp/home XDG_DATA_HOME=$temp/home fish --no-config -c '
        source $argv[1]/(string split " " $argv[2])[1].fish; complete -C $argv[2]' "$temp/scripts" "$1" 2>&1 | cut -f 1
}

# A terminal of its own, in which compadd prints what it is given as far as it fits the word.
cat >"$temp/ask.zsh" <<'ZSH'
zmodload zsh/zpty
zpty line zsh -f -i
typeset part all
say() { zpty -w line "$1"; }
say "PS1= PS2=; unsetopt zle_bracketed_paste 2>/dev/null; stty -echo; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
say "compadd() { typeset -a hits; [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd \"\$@\"; return; }"
say "    builtin compadd -O hits \"\$@\"; (( \$#hits )) && printf 'hit %s\\n' \"\${hits[@]}\" >>$2; builtin compadd \"\$@\" }"
say "bindkey '^I' complete-word; zstyle ':completion:*' insert-tab false; setopt no_list_beep"
say "done-line() { : >$2.done }; comppostfuncs=(done-line); : >$2.ready"
repeat 200; do [[ -e $2.ready ]] && break; sleep 0.05; done
sleep 0.1
zpty -w -n line "$3"$'\t'
repeat 100; do [[ -e $2.done ]] && break; sleep 0.05; done
[[ -e $2.done ]] || print "hit no-answer" >>$2
zpty -d line
ZSH
ask_zsh() {
    rm -f "$temp/hits" "$temp/hits.ready" "$temp/hits.done"
    HOME=$temp/home TERM=dumb zsh -f "$temp/ask.zsh" "$temp/scripts" "$temp/hits" "$1" >/dev/null 2>&1
    [ ! -e "$temp/hits" ] || sed 's/^hit //' "$temp/hits"
}

# The last part of a word, behind what is there already; a folder without its slash.
words() { sed 's,/$,,; s,.*[,=:],,' | LC_ALL=C sort -u | tr '\n' ' ' | sed 's/ $//'; }

completes() { # completes LINE WORDS
    for shell in $shells; do
        got=$(cd "$temp/files" && ask_$shell "$1" | words)
        if [ "$got" = "$2" ]; then good; else bad "$shell: '$1' gives '$got', not '$2'"; fi
    done
}

# ---- lines ----------------------------------------------------------------------------------------

cd "$temp/files" || exit 1
mkdir d.mlpackage sub && touch a.mil b.anedsl c.txt x.npy p.json
cd - >/dev/null || exit 1
completes 'anec --emit ' 'ast coreai-py dot ir json mil tokens'
completes 'anec --emit=m' 'mil'
completes 'anec --io fp' 'fp16 fp32'
completes 'anec -t m6' 'm6'
completes 'anec -t m1,m6' 'm6'
completes 'anec --target=gen' 'generic'
completes 'anec --explain kernel-' 'kernel-height kernel-width'
completes 'anec --missing-weights ' 'random zero'
completes 'anec --dump-after wid' 'width-slice'
completes 'anec --grad-' '--grad-only'
completes 'anec -o ' 'a.mil b.anedsl c.txt d.mlpackage p.json sub x.npy'
completes 'anec ' 'a.mil b.anedsl d.mlpackage lint sub'
completes 'anec -q b' 'b.anedsl'
completes 'anec -q ' 'a.mil b.anedsl d.mlpackage sub'
completes 'anec l' 'lint'
completes 'anec lint --sa' '--sarif'
completes 'anec lint --em' ''
completes 'anec --sar' ''
completes 'anec lint -t m1,m6' 'm6'
completes 'anec lint sub/ ' 'a.mil b.anedsl d.mlpackage sub'
completes 'anec --completion ' 'bash fish zsh'
completes 'anerun -b sim:m6' 'm6'
completes 'anerun --compare re' 'ref'
completes 'anerun -O ' 'd.mlpackage sub'
completes 'anerun -i x=x' 'x.npy'
completes 'anetrain b' 'b.anedsl'
completes 'anediff a.mil d' 'd.mlpackage'
completes 'aneprobe -b sim:m6' 'm6'
completes 'anegen --vocab by' 'bytes'
echo "completion: $passed passed, $failed failed"
[ "$failed" = 0 ]
