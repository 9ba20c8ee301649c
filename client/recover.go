package client

// Recovery is what `fenced recover` is about to do to this node's store, or has done (Done).
type Recovery struct {
	API     string `json:"api"`
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	Done    bool   `json:"done"`
	// Was is the domain that the store is in, "" for none or where it cannot be read; Domain the one that is made of it, "" with NewStore.
	Was    string `json:"was"`
	Domain string `json:"domain,omitempty"`
	// Index is how far the store's memory goes.
	Index uint64 `json:"index"`
	// Lost are given up for ever; Unproven those of them whose end a person vouches for where no device can prove it. Stay are the others,
	// which must give up their stores and join again.
	Lost     List[string] `json:"lost"`
	Unproven List[string] `json:"unproven"`
	Stay     List[string] `json:"stay"`
	// Votes are those that count in the new domain.
	Votes Votes `json:"votes,omitzero"`
	// Victims are open in what the store remembers.
	Victims List[string] `json:"victims"`
	// NewStore: the store is given up; Kept is where it was moved.
	NewStore bool   `json:"new_store,omitempty"`
	Kept     string `json:"kept,omitempty"`
	// Unread says why the store cannot be read, "" where it can: what it remembered is not known then.
	Unread string `json:"unread,omitempty"`
}
