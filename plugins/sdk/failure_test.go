package sdk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestClasses(t *testing.T) {
	cause := errors.New("cause")
	for class, f := range map[Class]func(error) error{
		ClassRefused: Refused, ClassTimeout: Timeout, ClassAuth: Auth, ClassUnreachable: Unreachable,
		ClassLimbo: Limbo, ClassUnsupported: Unsupported,
	} {
		err := fmt.Errorf("cannot x: %w", f(cause))
		var failure *Failure
		if !errors.Is(err, class) || !errors.Is(err, cause) || !errors.As(err, &failure) || ClassOf(err) != class {
			t.Errorf("%v is not of class %s", err, class)
		}
		if err := f(nil); err == nil || wire(context.Background(), err).Text != "no further detail" {
			t.Errorf("a %s without a cause is %v", class, err)
		}
		if w := wire(context.Background(), f(cause)); w.Class != string(class) || w.Text != "cause" {
			t.Errorf("on the wire it is %v", w)
		}
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want Class
	}{
		{context.Background(), cause, ClassUnknown},
		{context.Background(), context.DeadlineExceeded, ClassTimeout},
		{over, errors.New("i/o timeout, says a library"), ClassTimeout},
		{over, Auth(cause), ClassAuth}, // what was classified stays
	} {
		if w := wire(c.ctx, c.err); w.Class != string(c.want) {
			t.Errorf("%v is of class %s on the wire, want %s", c.err, w.Class, c.want)
		}
	}
	if wire(over, nil) != nil {
		t.Error("a success became a failure")
	}
	if w := wire(over, errors.New(strings.Repeat("x", 10000))); len(w.Text) > 600 {
		t.Errorf("a text of %d bytes leaves the plugin", len(w.Text))
	}
}
