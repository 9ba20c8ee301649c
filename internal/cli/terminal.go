package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fenced-project/fenced/client"
)

// confirm lets nobody act by accident: on a terminal the node's name must be typed, elsewhere --yes must be given.
func (a *app) confirm(yes bool, what, name string) error {
	if yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usage("%s needs --yes where there is no terminal to ask", what)
	}
	got, err := a.ask(fmt.Sprintf("type %s to confirm: ", name))
	if err != nil {
		return err
	}
	if got != name {
		return client.Errorf(client.CodeError, "nothing was done: %q is not %q", got, name)
	}
	return nil
}

// ask prompts on stderr and reads one line.
func (a *app) ask(prompt string) (string, error) {
	fmt.Fprint(a.err, prompt)
	if a.lines == nil {
		a.lines = bufio.NewReaderSize(io.LimitReader(a.in, 4096), 4096) // one for all prompts: it reads ahead
	}
	line, err := a.lines.ReadString('\n')
	if err != nil && !(errors.Is(err, io.EOF) && line != "") {
		return "", client.Errorf(client.CodeError, "nothing was done: no answer")
	}
	return strings.TrimRight(line, "\r\n"), nil
}
