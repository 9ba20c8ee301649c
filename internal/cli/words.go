package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
)

// proofs are the kinds of evidence in words; the proof is what makes a success a success.
var proofs = map[string]string{
	client.EvidencePowerOff:    "off read back",
	client.EvidenceBootChanged: "new boot id",
	client.EvidenceWatchdog:    "watchdog elapsed",
	client.EvidenceStorageCut:  "storage cut read back",
	client.EvidenceOperator:    "acknowledged by hand",
}

func proof(kind string) string {
	if s, ok := proofs[kind]; ok {
		return s
	}
	return orDash(kind)
}

// age is how long ago something was, in at most six characters where it can be.
func age(now time.Time, at client.Time) string {
	if at.IsZero() {
		return "-"
	}
	return span(now.Sub(at.Time))
}

// span shows a duration as a person reads a clock: 00:14, 23:59, 5h07m, 6d02h.
func span(d time.Duration) string {
	d = max(d, 0)
	s := int64(d / time.Second)
	switch {
	case s < 3600:
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
}

// took shows a measured duration: 850ms, 12.3s, 2m05s.
func took(ms int64) string {
	switch {
	case ms < 1000:
		return strconv.FormatInt(ms, 10) + "ms"
	case ms < 60_000:
		return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + "s"
	}
	return fmt.Sprintf("%dm%02ds", ms/60_000, ms%60_000/1000)
}

// stamp is an instant in UTC, to the second; stampMS to the millisecond, without the date.
func stamp(t client.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("01-02 15:04:05Z")
}

func stampMS(t client.Time) string {
	if t.IsZero() {
		return "-           "
	}
	return t.UTC().Format("15:04:05.000Z")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func joined(l []string, sep string) string { return orDash(strings.Join(l, sep)) }

// orList is a, b or c.
func orList(l []string) string {
	if len(l) < 2 {
		return strings.Join(l, "")
	}
	return strings.Join(l[:len(l)-1], ", ") + " or " + l[len(l)-1]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// short shortens a boot id to what a person compares.
func short(boot string) string {
	if strings.HasPrefix(boot, "unknown@") || len(boot) <= 8 {
		return orDash(boot)
	}
	return boot[:8]
}

// since reads a duration with days and weeks: 90s, 15m, 12h, 7d, 2w.
func since(s string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			v, err := strconv.ParseUint(n, 10, 16)
			if err != nil {
				return 0, usage("%q is no duration like 90s, 12h, 7d or 2w", s)
			}
			return time.Duration(v) * length, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, usage("%q is no duration like 90s, 12h, 7d or 2w", s)
	}
	return d, nil
}
