package client

// The codes of Attention: E wants a person now, W before it hurts. One code has one meaning for good; a code that is not used any more is not used again.
const (
	AttentionNoDomain       = "E101"
	AttentionNoRoster       = "E102"
	AttentionNoQuorum       = "E103"
	AttentionNotProven      = "E104"
	AttentionAlarm          = "E105"
	AttentionBraked         = "E106"
	AttentionOwnStore       = "E107"
	AttentionOtherDomain    = "E108"
	AttentionNoStoreYet     = "E109"
	AttentionDisk           = "E110"
	AttentionVersion        = "E111"
	AttentionForeign        = "E112"
	AttentionElsewhere      = "E113"
	AttentionDiverged       = "E115"
	AttentionWithdrawn      = "E117"
	AttentionStillHere      = "E118"
	AttentionCore           = "E119"
	AttentionNotArmed       = "W201"
	AttentionOtherRoster    = "W202"
	AttentionUnguarded      = "W203"
	AttentionNotAdmitted    = "W204"
	AttentionUnknown        = "W205"
	AttentionPlugin         = "W206"
	AttentionMissing        = "W207"
	AttentionWitnessFile    = "W208"
	AttentionWitnessAway    = "W209"
	AttentionLocalPower     = "W210"
	AttentionAdded          = "W211"
	AttentionRefusedStore   = "W212"
	AttentionHistoryDamaged = "W213"
	AttentionDrillFailed    = "W214"
	AttentionUnfenceable    = "W215"
	AttentionStranger       = "W216"
	AttentionUnfence        = "W217"
	AttentionKeptOff        = "W218"
	AttentionWatchdogAbsent = "W220"
	AttentionWatchdogSoft   = "W221"
	AttentionLastWords      = "W222"
	AttentionSuspended      = "W225"
	AttentionKernelUnseen   = "W226"
	AttentionPaused         = "W230"
)

// Explanation says what a code of Attention means for the cluster: how it comes about, what may happen while it stands, and what ends it.
type Explanation struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Cause string `json:"cause"`
	Risk  string `json:"risk"`
	Fix   string `json:"fix"`
}

// Explain finds the explanation of a code. `fenced explain` prints it; any program may call it, no daemon is asked.
func Explain(code string) (Explanation, bool) {
	for _, e := range explanations {
		if e.Code == code {
			return e, true
		}
	}
	return Explanation{}, false
}

// Explanations are all of them, by code.
func Explanations() []Explanation { return append([]Explanation(nil), explanations...) }
