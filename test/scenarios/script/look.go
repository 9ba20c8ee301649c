package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence/sim/world"
)

// looks are the commands that do nothing but look and wait; what they see belongs to what was done before.
var looks = map[string]command{
	"lost":   onNode("lost A: nobody will repair it, the end does not wait for it", (*world.Script).Lose, nil),
	"wait":   {usage: "wait 10s", parse: parseWait},
	"until":  {usage: "until CONDITION [within 2m]", parse: parseUntil},
	"expect": {usage: "expect [not] CONDITION", parse: parseExpect},
	"never":  {usage: "never EVENT [k=v...]: from here to the end", parse: parseNever},
	"stays":  {usage: "stays CONDITION for 30s: all the time", parse: parseStays},
	"settle": {usage: "settle [within 10m]: until everything is as it must be when all is well", parse: parseSettle},
	"open":   {usage: "open WORDS...: at the end something is not as it must be, and this is said of it", parse: parseOpen},
}

// The bounds of waits where a line says nothing, in milliseconds of virtual time.
const (
	untilMS  = 2 * 60_000
	settleMS = 10 * 60_000
	lookMS   = 50
)

func sortedNames[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// within cuts `within D` (or another word) off the end.
func within(args []string, word string, usual int64) ([]string, int64, error) {
	if n := len(args); n >= 2 && args[n-2] == word {
		d, err := span(args[n-1])
		return args[:n-2], d, err
	}
	return args, usual, nil
}

func parseUntil(c *compiler, args []string) (action, error) {
	args, bound, err := within(args, "within", untilMS)
	if err != nil {
		return nil, err
	}
	cond, err := parseCondition(c, args)
	return func(p *play) error {
		since := p.mark
		if !p.s.Until(bound, lookMS, func() bool { return cond.holds(p, since) }) {
			return fmt.Errorf("within %d s it did not come to %q%s", bound/1000, cond.text, p.where())
		}
		return nil
	}, err
}

func parseExpect(c *compiler, args []string) (action, error) {
	want := true
	if len(args) > 1 && args[0] == "not" {
		want = false
		args = args[1:]
	}
	cond, err := parseCondition(c, args)
	return func(p *play) error {
		if cond.holds(p, p.mark) != want {
			return fmt.Errorf("%q is %v%s", cond.text, !want, p.where())
		}
		return nil
	}, err
}

func parseStays(c *compiler, args []string) (action, error) {
	args, d, err := within(args, "for", -1)
	if err == nil && d < 0 {
		err = fmt.Errorf("wants for how long")
	}
	if err != nil {
		return nil, err
	}
	cond, err := parseCondition(c, args)
	return func(p *play) error {
		if p.s.Until(d, lookMS, func() bool { return !cond.holds(p, p.mark) }) {
			return fmt.Errorf("%q does not hold any more%s", cond.text, p.where())
		}
		return nil
	}, err
}

func parseNever(_ *compiler, args []string) (action, error) {
	t, err := parsePattern(args)
	text := strings.Join(args, " ")
	return func(p *play) error {
		p.never = append(p.never, ban{t, text, len(p.log.entries)})
		return nil
	}, err
}

func parseSettle(_ *compiler, args []string) (action, error) {
	rest, bound, err := within(args, "within", settleMS)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is too much", strings.Join(rest, " "))
	}
	return func(p *play) error { return p.settle(bound) }, err
}

func parseOpen(_ *compiler, args []string) (action, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("wants what is said")
	}
	text := strings.Join(args, " ")
	return func(p *play) error { p.open = text; return nil }, nil
}
