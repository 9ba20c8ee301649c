package sdk

import (
	"context"
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Class says how a call failed (INTERFACES.md, attempt classes). It is an error, so that errors.Is(err, sdk.ClassTimeout) works.
type Class string

// The classes a plugin may give. A plain error is ClassUnknown, or ClassTimeout when the call's deadline is over.
const (
	ClassRefused     Class = "refused"     // the device or its settings said no: wrong target, wrong mode, bad option
	ClassTimeout     Class = "timeout"     // no answer in time
	ClassAuth        Class = "auth"        // credentials rejected: never tried again at once, accounts lock (R28)
	ClassUnreachable Class = "unreachable" // no connection to the device
	ClassLimbo       Class = "limbo"       // the device answers, but cannot say or change its state now
	ClassUnsupported Class = "unsupported" // this device or plugin cannot do that at all
	ClassUnknown     Class = "unknown"
)

func (c Class) Error() string { return string(c) }

// Failure is an error with a class.
type Failure struct {
	Class Class
	Err   error
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %v", f.Class, f.Err) }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Is makes errors.Is(err, sdk.ClassRefused) work.
func (f *Failure) Is(target error) bool { return target == error(f.Class) }

// Refused classifies err; a nil err becomes an error too, here and in the functions below: a failure must never turn into a success.
func Refused(err error) error { return classify(ClassRefused, err) }

// Timeout says that the device did not answer in time.
func Timeout(err error) error { return classify(ClassTimeout, err) }

// Auth says that the device rejected the credentials.
func Auth(err error) error { return classify(ClassAuth, err) }

// Unreachable says that no connection to the device came about.
func Unreachable(err error) error { return classify(ClassUnreachable, err) }

// Limbo says that the device answers but can neither tell nor change its state now.
func Limbo(err error) error { return classify(ClassLimbo, err) }

// Unsupported says that this cannot be done with this device at all.
func Unsupported(err error) error { return classify(ClassUnsupported, err) }

func classify(c Class, err error) error {
	if err == nil {
		err = errors.New("no further detail")
	}
	return &Failure{Class: c, Err: err}
}

// ClassOf returns the class of an error: the outermost Failure's, ClassTimeout for a deadline, else ClassUnknown; "" for nil.
func ClassOf(err error) Class {
	var f *Failure
	var c Class
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Class
	case errors.As(err, &c):
		return c
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ClassTimeout
	}
	return ClassUnknown
}

// wire is the failure as the host sees it. A plain error after the deadline is a timeout: libraries hide the reason in their texts.
func wire(ctx context.Context, err error) *proto.Failure {
	if err == nil {
		return nil
	}
	class := ClassOf(err)
	if class == ClassUnknown && ctx.Err() != nil {
		class = ClassTimeout
	}
	text := err.Error()
	if f, ok := err.(*Failure); ok { //nolint:errorlint // only where nothing is wrapped around it
		text = f.Err.Error() // the class is a field of its own
	}
	return &proto.Failure{Class: string(class), Text: clip(text)}
}

// clip bounds a text that leaves the plugin.
func clip(s string) string {
	const limit = 512
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
