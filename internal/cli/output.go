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

// safe keeps control characters from a terminal: what a device or a file answered is shown, never obeyed. Colours pass it by (painted).
type safe struct{ w io.Writer }

func (s safe) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.w, clean(string(p), true)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// clean replaces whatever is not printable; line ends may stay.
func clean(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines, r != utf8.RuneError && unicode.IsPrint(r):
			return r
		case r == '\t':
			return ' '
		}
		return '?'
	}, s)
}

// painted is where coloured lines go, made of clean parts: past safe, if there are to be colours at all.
func (a *app) painted() io.Writer {
	if a.colourful() {
		return a.stdout
	}
	return a.out
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

// table aligns columns of text. Cells are cleaned, then padded, then coloured.
type table struct {
	rows   [][]string
	colour [][]string
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = clean(c, false)
	}
	t.rows, t.colour = append(t.rows, cells), append(t.colour, nil)
}

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
			switch {
			case i == len(row)-1:
			case i == 0 && widths[0] == 1: // a column of symbols
				b.WriteString(" ")
			default:
				b.WriteString("  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
