package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// counted remembers the first error of a writer.
type counted struct {
	w   io.Writer
	err error
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// safe keeps control characters from a terminal: what a device or a file answered is shown, never obeyed. Of escape sequences only colours pass.
type safe struct{ w io.Writer }

func (s safe) Write(p []byte) (int, error) {
	var b strings.Builder
	text := string(p)
	for i := 0; i < len(text); {
		if n := colourAt(text[i:]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n' || unicode.IsPrint(r) && !(r == utf8.RuneError && n == 1):
			b.WriteRune(r)
		case r == '\t':
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
		i += n
	}
	if _, err := io.WriteString(s.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// colourAt returns the length of one of our own colour sequences at the beginning of s.
func colourAt(s string) int {
	for _, c := range []string{red, green, yellow, plain} {
		if strings.HasPrefix(s, c) {
			return len(c)
		}
	}
	return 0
}

// The colours.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// colourful reports whether standard output wants colours: a terminal that can, and nobody who objects.
func (a *app) colourful() bool {
	return isTerminal(a.stdout.w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// json writes one document as data, unaltered: encoding/json escapes control characters itself.
func (a *app) json(doc any) {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	if a.format == formatJSON {
		_ = enc.Encode(doc) // a failed write is kept in a.stdout.err
	}
}

// show writes a document: JSON, or the text that it makes.
func (a *app) show(doc any, text func(w io.Writer)) {
	if a.format == formatJSON {
		a.json(doc)
		return
	}
	text(a.out)
}

// say talks to whoever types, not in JSON's way.
func (a *app) say(format string, args ...any) {
	if a.format != formatJSON {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// table aligns columns of text. Cells are padded before they are coloured.
type table struct {
	rows   [][]string
	colour [][]string
}

func (t *table) add(cells ...string) { t.rows, t.colour = append(t.rows, cells), append(t.colour, nil) }

// paint colours one cell of the row added last.
func (t *table) paint(column int, colour string) {
	last := len(t.rows) - 1
	if t.colour[last] == nil {
		t.colour[last] = make([]string, len(t.rows[last]))
	}
	t.colour[last][column] = colour
}

func (t *table) write(w io.Writer, colours bool, indent string) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for r, row := range t.rows {
		var b strings.Builder
		b.WriteString(indent)
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if colours && t.colour[r] != nil && t.colour[r][i] != "" {
				c = t.colour[r][i] + c + plain
			}
			b.WriteString(c + pad)
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
