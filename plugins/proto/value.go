package proto

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check reports whether v is a well-formed value of this option: what plugin.proto's types mean. The sdk asks it before each Open, fenced of its
// configuration. The error never shows a secret's value.
func (o *Option) Check(v string) error {
	shown := strconv.Quote(v)
	if o.GetSecret() {
		shown = "***"
	}
	bad := func(want string) error { return fmt.Errorf("option %s is %s, it must be %s", o.GetName(), shown, want) }
	switch o.GetType() {
	case "int":
		if _, err := strconv.Atoi(v); err != nil {
			return bad("a whole number")
		}
	case "bool":
		if v != "true" && v != "false" {
			return bad("true or false")
		}
	case "duration":
		if d, err := time.ParseDuration(v); err != nil || d < 0 {
			return bad("a duration like 1m30s")
		}
	case "enum":
		if !slices.Contains(o.GetValues(), v) {
			return bad("one of " + strings.Join(o.GetValues(), ", "))
		}
	case "string":
		if o.GetRequired() && v == "" {
			return fmt.Errorf("option %s is required", o.GetName())
		}
		if strings.ContainsRune(v, 0) {
			return bad("text without a zero byte")
		}
	default:
		return fmt.Errorf("option %s has the unknown type %q", o.GetName(), o.GetType())
	}
	return nil
}
