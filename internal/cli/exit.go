package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

// The numbers are client.Codes(), the one table of the house; here is which error ends with which.

// codeOf returns the exit code of an error.
func codeOf(err error) client.Code {
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return client.CodeConfig
	case errors.Is(err, context.Canceled) && client.CodeOf(err) == client.CodeError:
		return client.CodeUnknown
	case errors.Is(err, fs.ErrPermission) && client.CodeOf(err) == client.CodeError:
		return client.CodeNotPermitted
	}
	return client.CodeOf(err)
}

// asDocument is the error as the API would have written it, for -o json.
func asDocument(err error) *client.Error {
	var e *client.Error
	if errors.As(err, &e) {
		return e
	}
	doc := client.Errorf(codeOf(err), "%v", err)
	var problems config.Problems
	if errors.As(err, &problems) {
		doc.Text = "the configuration is wrong"
		for _, p := range problems {
			doc.Problems = append(doc.Problems, p.String())
		}
	}
	return doc
}

// silent ends a command with a code when all there is to say has been said.
type silent client.Code

func (s silent) Error() string { return client.Code(s).String() }

// finish tells an error and returns the exit code.
func (a *app) finish(err error) int {
	var said silent
	switch {
	case err == nil && a.stdout.err != nil:
		fmt.Fprintf(a.err, "%s: cannot write to standard output: %v\n", a.name, a.stdout.err)
		return int(client.CodeError)
	case err == nil:
		return int(client.CodeOK)
	case errors.As(err, &said):
		return int(said)
	}
	doc := asDocument(err)
	if a.format == formatJSON {
		a.json(doc)
	}
	fmt.Fprintf(a.err, "%s: %s\n", a.name, doc.Text)
	for _, p := range doc.Problems {
		fmt.Fprintf(a.err, "  %s\n", p)
	}
	if len(doc.Near) > 0 {
		fmt.Fprintf(a.err, "did you mean %s?\n", orList(doc.Near))
	}
	if doc.Next != "" {
		fmt.Fprintf(a.err, "next: %s\n", doc.Next)
	}
	return int(codeOf(err))
}

// usage is an error of whoever typed the command.
func usage(format string, args ...any) error {
	return client.Errorf(client.CodeUsage, format, args...)
}

// getenv is the environment of the process.
func getenv(name string) string { return os.Getenv(name) }
