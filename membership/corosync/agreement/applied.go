package agreement

// Applied is the index up to which the reader was told.
func (m *Machine) Applied() uint64 { return m.applied.Index }
