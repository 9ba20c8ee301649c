#!/usr/bin/env bash
# A program that uses what is shared, in shell: it registers with fenced, works while it may, recovers from nodes that are released, and stops
# at once when this node has failed. Copy it and fill in the five functions. It needs bash (4.4) and curl, and the right to use the socket.
#
#   fenced-client.sh NAME FILE     FILE keeps how far recovery came
#
# End it with SIGTERM: then it stops its work first and tells fenced that it is done. Any other end is a failure, for fenced too.
set -u
name=$1 file=$2
socket=${FENCED_SOCKET:-/run/fenced/fenced.sock}

# What your program does.
start() { echo "start"; }                      # it may use what is shared
pause() { echo "pause: $1"; }                  # begin nothing new
resume() { echo "resume"; }                    # go on
recover() { echo "recover $1 life $2"; }       # node $1 can touch nothing any more; may take its time
stop() { echo "stop: $1"; }                    # use nothing shared any more when this returns; be quick

# Recovery must not keep us from hearing that this node has failed: another process does it, one after the other, and notes what is handled.
exec 4> >(while read -r index node life; do
	recover "$node" "$life" && echo "$index" >"$file.new" && mv "$file.new" "$file" || kill $$
done)
worker=$!
after=$(cat "$file" 2>/dev/null) || after=0

# One registration, one line of JSON for each thing to know, until the end.
exec 3< <(exec curl -sS -N --unix-socket "$socket" -H 'Content-Type: application/json' \
	-d "{\"name\":\"$name\",\"role\":\"watch\",\"after\":${after:-0}}" http://fenced/v1/clients 2>&1 4>&-)
curl=$!
trap 'kill $curl $worker 2>/dev/null' EXIT
id=
done_with_it() {
	stop "asked to" # only when that is true may fenced hear of it
	[ -z "$id" ] || curl -sS --unix-socket "$socket" -X DELETE "http://fenced/v1/clients/$id" >/dev/null
	exit
}
trap done_with_it TERM INT

# A value of the line. Quotes inside of JSON's strings are escaped, so no text can look like a field.
value() { [[ $line =~ \"$1\":\"?([^\",}]*) ]] && echo "${BASH_REMATCH[1]}"; }

patience=10 # seconds until the first line; from then on three heartbeats: a daemon that hangs is as dead as one that is gone
while IFS= read -r -t "$patience" -u 3 line; do
	case $(value event) in
	state)
		id=$(value client)
		patience=$((($(value heartbeat_ms) * 3 + 999) / 1000)) ;;
	granted) start ;;
	grant-refused) echo "wait: $(value why)" ;;
	frozen) pause "$(value why)" ;;
	thawed) resume ;;
	released) echo "$(value index) $(value node) $(value incarnation)" >&4 ;;
	you-are-failed) break ;;
	'') echo "$line" >&2; break ;; # an error, of fenced or of curl
	esac
done
stop "this node has failed"
exit 1
