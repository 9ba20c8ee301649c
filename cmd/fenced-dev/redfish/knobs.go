package redfish

import (
	"strings"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

// Knobs say how the service misbehaves. The zero value is an honest BMC.
type Knobs struct {
	// Knobs are those of every BMC. In limbo a system is PoweringOff and answers 409; hang answers nothing; refuse answers 403.
	bmc.Knobs
	// Conflict: off and on are answered 409 and not done, whatever the state.
	Conflict bool
	// Unauthorized: 401 to everything but the service root.
	Unauthorized bool
	// Forget: every session is forgotten as soon as it was given, as by a BMC that starts again: 401 to whoever comes with its token.
	Forget bool
	// Unavailable: 503 to everything.
	Unavailable bool
	// Full: no session is given any more.
	Full bool
}

// machine are the knobs of the machines behind it: a conflict is a refusal with another number.
func (k Knobs) machine() bmc.Knobs {
	k.Refuse = k.Refuse || k.Conflict
	return k.Knobs
}

func (k *Knobs) own() map[string]*bool {
	return map[string]*bool{
		"conflict": &k.Conflict, "unauthorized": &k.Unauthorized, "forget": &k.Forget, "unavailable": &k.Unavailable, "full": &k.Full,
	}
}

// names are the knobs of our own, in the order in which they are written.
var names = []string{"conflict", "unauthorized", "forget", "unavailable", "full"}

// ParseKnobs reads a comma separated list of bmc.ParseKnobs's words and conflict, unauthorized, forget, unavailable, full.
func ParseKnobs(list string) (Knobs, error) {
	var k Knobs
	own := k.own()
	var others []string
	for _, word := range strings.Split(list, ",") {
		if on, ok := own[strings.TrimSpace(word)]; ok {
			*on = true
			continue
		}
		others = append(others, word)
	}
	var err error
	k.Knobs, err = bmc.ParseKnobs(strings.Join(others, ","))
	if err != nil {
		return Knobs{}, err
	}
	return k, nil
}

// String is what ParseKnobs reads.
func (k Knobs) String() string {
	var words []string
	if s := k.Knobs.String(); s != "none" {
		words = append(words, s)
	}
	own := k.own()
	for _, n := range names {
		if *own[n] {
			words = append(words, n)
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ",")
}
