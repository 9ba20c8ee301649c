#!/usr/bin/env bash
# Checks the model: nothing breaks in it, and each deliberate mistake is found by the property that it breaks. Needs spin and gcc.
# RUN=regex chooses among the checks by name. Exit 0 only if every check that was chosen came out as it must.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0 wrong=0

# search NAME DEFINES KIND: translates, compiles and searches; the result is in $work/out, a counterexample in $work/fence.pml.trail.
search() {
	cd "$work"
	rm -f -- pan* fence.pml* out
	cp "$here/fence.pml" .
	# shellcheck disable=SC2086
	spin $2 -a fence.pml >translated 2>&1 || { cat translated; return 1; }
	if [ "$3" = safety ]; then
		gcc -O2 -w -DSAFETY -DNOCLAIM -DCOLLAPSE -o pan pan.c
		timeout "${LIMIT:-600}" ./pan -m100000 -w23 >out 2>&1 || true
	else
		gcc -O2 -w -DCOLLAPSE -DNFAIR=5 -o pan pan.c
		timeout "${LIMIT:-600}" ./pan -a -f -m100000 -w23 >out 2>&1 || true
	fi
}

# say NAME RESULT: one line with the number of states.
say() { printf '%-24s %-52s %s states, %s s\n' "$1" "$2" "$(awk '/states, stored/ { print $1; exit }' "$work/out")" "$((SECONDS - began))"; }

wanted() { [[ $1 =~ ${RUN:-} ]] || return 1; ran=$((ran + 1)); began=$SECONDS; }

# holds NAME DEFINES KIND: the whole state space was searched, and nothing is wrong.
holds() {
	wanted "$1" || return 0
	search "$@"
	if grep -q 'errors: 0' "$work/out" && ! grep -qE 'Search not completed|too small|max search depth|out of memory' "$work/out"; then
		say "$1" "holds, searched to its end"
	else
		wrong=1; say "$1" "DOES NOT HOLD, or was not searched to its end"; tail -40 "$work/out"
		[ ! -e "$work/fence.pml.trail" ] || (cd "$work" && ./pan -r | tail -60)
	fi
}

# finds NAME DEFINES KIND PATTERN: with the mistake in, the property is broken, and it is this one.
finds() {
	wanted "$1" || return 0
	search "$@"
	if [ -e "$work/fence.pml.trail" ] && grep -qE -- "$4" "$work/out"; then
		say "$1" "found, as it must"
	else
		wrong=1; say "$1" "NOT FOUND: the model proves less than it says"; tail -20 "$work/out"
	fi
}

write='assertion violated  !\(\(power&&\(life(==D.last|<=k)\)\)'
effect='assertion violated  !\(\(\(power&&\(life>aim'
holds safety "-DFAULTS=1" safety
holds liveness "-DFAULTS=1 -DLIVES=2" liveness
finds no-readback "-DFAULTS=0 -DBUG_NO_READBACK" safety "$write"
finds stale-read "-DFAULTS=1 -DBUG_STALE_READ" safety "$write"
finds stale-verdict "-DFAULTS=1 -DBUG_STALE_VERDICT" safety "$write"
finds release-before-commit "-DFAULTS=0 -DBUG_RELEASE_BEFORE_COMMIT" safety 'assertion violated \(D.over'
finds no-epoch "-DFAULTS=1 -DBUG_NO_EPOCH" safety 'assertion violated \(seat'
finds admit-early "-DFAULTS=1 -DBUG_ADMIT_EARLY" safety "$effect"
finds elapsed-early "-DFAULTS=1 -DBUG_ELAPSED_EARLY" safety "$effect"
finds no-deadline "-DFAULTS=1 -DBUG_NO_DEADLINE" safety "$effect"
finds late-effect "-DFAULTS=1 -DBUG_LATE_EFFECT" safety "$effect"
finds never-again "-DFAULTS=1 -DLIVES=2 -DBUG_NEVER_AGAIN" liveness 'acceptance cycle'

[ "$ran" -gt 0 ] || { echo "RUN=${RUN:-} matches no check" >&2; exit 64; }
exit "$wrong"
