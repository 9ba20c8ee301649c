package domain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// Members compare their copies of the domain, because a copy that has come to differ decides wrongly and does not know it (I3). One of them asks
// by an entry; whoever applies it hashes its state as of that very index and says the hash in an entry of its own. So everybody judges the same
// words in the same order, also who was not there: what the majority's word is against is frozen, until its daemon is another one.

// FeatureCompare is the feature level from which members compare their states (R11).
const FeatureCompare = 3

// Compare is a word of a comparison. Without a hash it begins the next one, and At is the index of the one before, 0 for none: of two that begin
// at once the log's order picks one. With a hash it says what the proposer's state was when it had applied the entry at At.
type Compare struct {
	At   uint64 `json:"at,omitempty"`
	Hash string `json:"hash,omitempty"`
}

// Comparison is the newest one.
type Comparison struct {
	// Index is that of the entry that began it; Last that of the newest of its entries: nothing else happened since if the state is at it.
	Index uint64 `json:"index"`
	Last  uint64 `json:"last"`
	Words []Word `json:"words,omitempty"` // sorted by node, one for each daemon that has said its hash
}

// Word is one daemon's hash.
type Word struct {
	By   Origin `json:"by"`
	Hash string `json:"hash"`
}

// hashBytes is how long a hash is, spelt out.
const hashBytes = 16

func (t *turn) compare(c Compare) error {
	if t.s.Feature < FeatureCompare {
		return fmt.Errorf("comparing states needs feature level %d, the committed one is %d (R11)", FeatureCompare, t.s.Feature)
	}
	n, err := t.present()
	if err != nil {
		return err
	}
	now := t.s.Comparison
	switch {
	case !t.s.Clean(n.ID):
		return fmt.Errorf("%s is no clean member", t.name(n.ID))
	case now == nil && c.At != 0, now != nil && c.At != now.Index:
		return fmt.Errorf("%w: it is about the comparison at index %d", fence.ErrStale, c.At)
	case c.Hash == "":
		t.s.Comparison = &Comparison{Index: t.index, Last: t.index}
		t.differ(false)
		return nil
	case now == nil || len(c.Hash) != hashBytes:
		return errors.New("a hash that is none, or an answer to nothing")
	}
	i, said := slices.BinarySearchFunc(now.Words, t.by.Node, func(w Word, id fence.NodeID) int { return int(int64(w.By.Node) - int64(id)) })
	switch {
	case said && now.Words[i].By == t.by:
		return fmt.Errorf("%s has said its hash", t.name(n.ID))
	case said:
		now.Words[i] = Word{By: t.by, Hash: c.Hash}
		t.differ(t.s.wordsDiffer())
	default:
		now.Words = slices.Insert(now.Words, i, Word{By: t.by, Hash: c.Hash})
		if now.Words[0].Hash != now.Words[len(now.Words)-1].Hash || now.Words[0].Hash != c.Hash {
			t.differ(true)
		}
	}
	now.Last = t.index
	t.freeze()
	return nil
}

// differ notes whether the words of the comparison differ.
func (t *turn) differ(is bool) {
	if t.s.index != nil {
		t.s.index.differ = is
	}
}

// freeze takes the right to act from everybody whom the majority's word is against. Their claims are handed over.
func (t *turn) freeze() {
	words := t.s.Comparison.Words
	if x := t.s.index; x != nil && !x.differ {
		words = nil // the usual case: nobody says anything else
	}
	for _, w := range words {
		n := t.s.Node(w.By.Node)
		if n == nil || n.Frozen == w.By.Instance || t.s.Compared(w.By) != Diverged {
			continue
		}
		n.Frozen = w.By.Instance
		t.emit(Event{Kind: EventDiverged, Node: n.ID, Life: n.Life, Text: fmt.Sprintf("as of index %d: %s (I3)", t.s.Comparison.Index, t.s.Hashes())})
	}
	t.orphans()
}

// Agreement is what the newest comparison says of one member's state.
type Agreement int

// Unsaid: nobody has another state, as far as it is known. Alike: somebody has another one, and more than half have this member's. Doubtful:
// somebody has another one, and no state is that of more than half. Diverged: more than half have one state, and it is another one.
const (
	Unsaid Agreement = iota
	Alike
	Doubtful
	Diverged
)

// Compared judges the newest comparison for one daemon. Only clean members of the view that run the same version count: another version may
// remember more, and hash otherwise.
func (s *State) Compared(by Origin) Agreement {
	if s.Comparison == nil {
		return Unsaid
	}
	own := s.word(by)
	if own == "" {
		return Unsaid
	}
	if !slices.ContainsFunc(s.Comparison.Words, func(w Word) bool { return w.Hash != own }) {
		return Unsaid // the usual case: nobody says anything else
	}
	peers, others := 0, false
	count := map[string]int{}
	for _, m := range s.View.Members {
		if !s.Clean(m.Node) || s.Node(m.Node).Version != s.Node(by.Node).Version {
			continue
		}
		peers++
		if h := s.word(m); h != "" {
			count[h]++
			others = others || h != own
		}
	}
	if !others {
		return Unsaid
	}
	for h, n := range count { // order: at most one hash is that of more than half
		switch {
		case 2*n <= peers:
		case h == own:
			return Alike
		default:
			return Diverged
		}
	}
	return Doubtful
}

// word is what a daemon of the view said in the newest comparison, "" for nothing.
func (s *State) word(by Origin) string {
	words := s.Comparison.Words
	i, _ := slices.BinarySearchFunc(words, by.Node, func(w Word, id fence.NodeID) int { return int(int64(w.By.Node) - int64(id)) })
	if i < len(words) && words[i].By == by && s.Clean(by.Node) {
		return words[i].Hash
	}
	return ""
}

// Hashes are the words of the newest comparison, for people.
func (s *State) Hashes() string {
	if s.Comparison == nil {
		return ""
	}
	words := make([]string, 0, len(s.Comparison.Words))
	for _, w := range s.Comparison.Words {
		words = append(words, s.Roster.Name(w.By.Node)+" "+w.Hash)
	}
	if text := strings.Join(words, ", "); len(text) <= MaxText {
		return text
	}
	return fmt.Sprintf("%d members have told their hashes", len(words))
}

// Outvoted reports whether the daemon of this node in the view was frozen because its state is another one than the majority's.
func (n *Node) Outvoted() bool { return n.Instance != "" && n.Frozen == n.Instance }
