package config

// merge adds the tree b to a: maps merge by key, and anything else under the same key twice is an error that names both places. Lists do
// not grow: half of a list in another file would be read by nobody.
func merge(a, b *node, path string, rep *report) {
	for _, f := range b.fields {
		have := a.get(f.key.value)
		name := f.key.value
		if path != "" {
			name = path + "." + name
		}
		switch {
		case have == nil:
			a.fields = append(a.fields, f)
		case have.kind == mapping && f.value.kind == mapping:
			merge(have, f.value, name, rep)
		case have.kind == null && a.key(f.key.value).line > 0 && f.value.kind == mapping:
			// `devices:` with nothing below it, and the entries in conf.d: the empty one gives way.
			*have = *f.value
		case have.kind == mapping && f.value.kind == null:
			// The other way round.
		default:
			rep.at(f.key, "keep one of them", "%s is written twice, first at %s", quote(name), a.key(f.key.value).place())
		}
	}
}
