package pdu

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Knobs say how the device misbehaves. The zero value is an honest one.
type Knobs struct {
	// Hang: nothing is ever answered or done.
	Hang bool
	// Ignore: a command is answered, and the relay is stuck; the state reads truly.
	Ignore bool
	// Refuse: a command is answered with the error notWritable inside of an answer.
	Refuse bool
	// Late: a command takes effect this much later.
	Late time.Duration
	// Restore: an outlet that was switched off comes back by itself after this time.
	Restore time.Duration
	// WrongIdentity: another sysObjectID.
	WrongIdentity bool
	// Lose drops every question but each Lose-th, as a bad network does; 0 for none.
	Lose int
	// FailWalk: to the question what follows the name of outlet FailWalk the answer is the error genErr, and an answer to several ends before it;
	// 0 for none.
	FailWalk int
}

// ParseKnobs reads a comma separated list: hang, ignore, refuse, late=MS, restore=MS, wrong-identity, lose=N, fail-walk=N; "" and "none" are honest.
func ParseKnobs(list string) (Knobs, error) {
	var k Knobs
	for _, word := range strings.Split(list, ",") {
		name, value, valued := strings.Cut(strings.TrimSpace(word), "=")
		n := 0
		if valued != (name == "late" || name == "restore" || name == "lose" || name == "fail-walk") {
			return Knobs{}, fmt.Errorf("cannot read knob %q: late, restore, lose and fail-walk need =N, the others take none", word)
		}
		if valued {
			var err error
			if n, err = strconv.Atoi(value); err != nil || n < 0 || n > int(time.Hour/time.Millisecond) {
				return Knobs{}, fmt.Errorf("knob %s needs a number up to an hour of milliseconds, not %q", name, value)
			}
		}
		switch name {
		case "", "none":
		case "hang":
			k.Hang = true
		case "ignore":
			k.Ignore = true
		case "refuse":
			k.Refuse = true
		case "wrong-identity":
			k.WrongIdentity = true
		case "late":
			k.Late = time.Duration(n) * time.Millisecond
		case "restore":
			k.Restore = time.Duration(n) * time.Millisecond
		case "lose":
			k.Lose = n
		case "fail-walk":
			k.FailWalk = n
		default:
			return Knobs{}, fmt.Errorf("no knob %q: hang, ignore, refuse, late=MS, restore=MS, wrong-identity, lose=N, fail-walk=N", name)
		}
	}
	return k, nil
}
