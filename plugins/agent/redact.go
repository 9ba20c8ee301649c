package main

import "strings"

// redact hides the value of everything that may be a secret (V19), however the values lie in each other: what any of them covers is hidden, so that
// neither one that begins another nor two that overlap leave a rest.
func (s settings) redact(text string) string {
	var hide []bool
	for name, v := range s {
		if !isSecret(name) && !isSecret(strings.TrimSuffix(name, "_script")) {
			continue
		}
		for _, spelling := range spellings(v.Reveal()) {
			if strings.Contains(text, spelling) {
				if hide == nil {
					hide = make([]bool, len(text))
				}
				cover(hide, text, spelling)
			}
		}
	}
	if hide == nil {
		return text
	}
	var b strings.Builder
	for i := range hide {
		switch {
		case !hide[i]:
			b.WriteByte(text[i])
		case i == 0 || !hide[i-1]:
			b.WriteString("***")
		}
	}
	return b.String()
}

// spellings are the ways in which a value may stand in a text: as it is handed over, as the agent reads it, and as either looks on one line for people.
func spellings(v string) []string {
	var out []string
	for _, t := range []string{v, unquoted(v), strings.Trim(v, `"`)} {
		for _, t := range []string{t, collapsed(t)} {
			if t != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// cover marks every place of text where v stands, also those that overlap. It looks at each byte once (Knuth, Morris, Pratt): an agent may write a
// megabyte, and whoever is late for its caller costs the plugin its life.
func cover(hide []bool, text, v string) {
	border := make([]int, len(v)) // of each beginning of v, how much of its end begins v again
	for i, k := 1, 0; i < len(v); i++ {
		for k > 0 && v[i] != v[k] {
			k = border[k-1]
		}
		if v[i] == v[k] {
			k++
		}
		border[i] = k
	}
	done := 0
	for i, k := 0, 0; i < len(text); i++ {
		for k > 0 && (k == len(v) || text[i] != v[k]) {
			k = border[k-1]
		}
		if text[i] == v[k] {
			k++
		}
		if k == len(v) {
			for j := max(done, i+1-k); j <= i; j++ {
				hide[j] = true
			}
			done = i + 1
		}
	}
}
