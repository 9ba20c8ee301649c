package bmc

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Knobs say how the device misbehaves. The zero value is an honest BMC.
type Knobs struct {
	// Auth: the account has another password; what is in a session stays in it.
	Auth bool
	// Hang: no datagram is ever answered, nothing is done.
	Hang bool
	// Ignore: off and on are accepted and nothing happens; the state reads truly.
	Ignore bool
	// Lie: off is accepted and nothing happens, and from then on the state reads off while the machine runs. No read-back can see
	// that; it exists to show what power evidence cannot detect (only hearing the victim can, R16 d).
	Lie bool
	// Refuse: off and on are answered with an error and not done.
	Refuse bool
	// Limbo: off is accepted, then every status and command is answered "busy" (neither on nor off) while the machine still runs.
	// After LimboFor the machine really goes off; zero is never.
	Limbo    bool
	LimboFor time.Duration
	// Late: off and on are accepted at once and take effect this much later, whatever was commanded meanwhile (R9).
	Late time.Duration
	// WrongIdentity: another system's GUID.
	WrongIdentity bool
	// Slow: every answer leaves this much later.
	Slow time.Duration
}

// ParseKnobs reads a comma separated list: auth, hang, ignore, lie, refuse, limbo, limbo=MS, late=MS, wrong-identity, slow=MS; "" and "none" are
// honest. Anything else is an error.
func ParseKnobs(list string) (Knobs, error) {
	var k Knobs
	for _, word := range strings.Split(list, ",") {
		name, value, timed := strings.Cut(strings.TrimSpace(word), "=")
		var d time.Duration
		if timed {
			ms, err := strconv.Atoi(value)
			if err != nil || ms < 0 || ms > int(time.Hour/time.Millisecond) {
				return Knobs{}, fmt.Errorf("knob %s needs milliseconds up to an hour, not %q", name, value)
			}
			d = time.Duration(ms) * time.Millisecond
		}
		if timed != (name == "late" || name == "slow") && name != "limbo" {
			return Knobs{}, fmt.Errorf("cannot read knob %q: only late, slow and limbo take =MS, and late and slow need it", word)
		}
		switch name {
		case "", "none":
		case "auth":
			k.Auth = true
		case "hang":
			k.Hang = true
		case "ignore":
			k.Ignore = true
		case "lie":
			k.Lie = true
		case "refuse":
			k.Refuse = true
		case "limbo":
			k.Limbo, k.LimboFor = true, d
		case "late":
			k.Late = d
		case "wrong-identity":
			k.WrongIdentity = true
		case "slow":
			k.Slow = d
		default:
			return Knobs{}, fmt.Errorf("no such knob %q: auth, hang, ignore, lie, refuse, limbo, limbo=MS, late=MS, wrong-identity, slow=MS, none", name)
		}
	}
	return k, nil
}

// String is what ParseKnobs reads.
func (k Knobs) String() string {
	var words []string
	for _, w := range []struct {
		on   bool
		text string
	}{
		{k.Auth, "auth"},
		{k.Hang, "hang"},
		{k.Ignore, "ignore"},
		{k.Lie, "lie"},
		{k.Refuse, "refuse"},
		{k.Limbo && k.LimboFor == 0, "limbo"},
		{k.Limbo && k.LimboFor > 0, "limbo=" + ms(k.LimboFor)},
		{k.Late > 0, "late=" + ms(k.Late)},
		{k.WrongIdentity, "wrong-identity"},
		{k.Slow > 0, "slow=" + ms(k.Slow)},
	} {
		if w.on {
			words = append(words, w.text)
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ",")
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
