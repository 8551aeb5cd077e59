package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Draft is a JSON object that is put together from the pieces of a stream. It
// knows no field by meaning, so that new ones pass through it. The zero Draft
// is the empty object.
type Draft struct{ fields map[string]*draftValue }

// draftValue is a value as it came, or, from its second piece on, one that
// grows. That is decided by the kind: the first byte of what it is now, 0 for
// what stays as it came.
type draftValue struct {
	kind  byte
	raw   json.RawMessage
	text  []byte
	inner *Draft
	items []*draftValue
	index *int // of an item, if it names its place in its list
}

// SetAll sets every field of a JSON object, each to its value there. A null
// changes no field that has a value.
func (d *Draft) SetAll(object []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		if d.fields[name] == nil || string(value) != "null" {
			d.Set(name, value)
		}
	}
	return nil
}

// Set sets one field to a JSON value, which the Draft keeps.
func (d *Draft) Set(name string, value json.RawMessage) {
	if d.fields == nil {
		d.fields = map[string]*draftValue{}
	}
	d.fields[name] = &draftValue{raw: value}
}

// Delete removes a field.
func (d *Draft) Delete(name string) { delete(d.fields, name) }

// Object returns the object in a field, to be changed in place. If there is
// none it makes an empty one.
func (d *Draft) Object(name string) *Draft {
	if v := d.fields[name]; v != nil && v.open() == '{' {
		return v.inner
	}
	inner := &Draft{}
	d.Set(name, nil)
	d.fields[name].kind, d.fields[name].inner = '{', inner
	return inner
}

// Objects returns the objects of the list in a field, to be changed in place.
func (d *Draft) Objects(name string) []*Draft {
	v := d.fields[name]
	if v == nil || v.open() != '[' {
		return nil
	}
	var all []*Draft
	for _, item := range v.items {
		if item.open() == '{' {
			all = append(all, item.inner)
		}
	}
	return all
}

// GrowAll adds a delta, a JSON object, field by field; see [Draft.Grow].
func (d *Draft) GrowAll(delta []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(delta, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		d.Grow(name, value)
	}
	return nil
}

// Grow adds a valid JSON value to a field: text to text, the fields of an
// object to an object, the items of a list to a list. An item with an "index"
// adds to the item that has the same one. Anything else replaces what was
// there, except null, which adds nothing. Names, ids, types and roles do not
// grow, since some servers repeat them.
func (d *Draft) Grow(name string, value json.RawMessage) {
	old := d.fields[name]
	if old == nil || string(old.raw) == "null" && old.kind == 0 {
		d.Set(name, value)
		return
	}
	fixed := name == "id" || name == "type" || name == "role" || name == "name"
	if fixed && string(value) == `""` {
		return
	}
	old.grow(value, fixed)
}

func (v *draftValue) grow(delta json.RawMessage, fixed bool) {
	if string(delta) == "null" || len(delta) == 0 {
		return
	}
	if kind := v.open(); kind == 0 || kind != delta[0] || fixed {
		*v = draftValue{raw: delta, index: v.index}
		return
	}
	// The delta is part of valid JSON and of the kind that is asked for.
	switch v.kind {
	case '"':
		var text string
		_ = json.Unmarshal(delta, &text)
		v.text = append(v.text, text...)
	case '{':
		_ = v.inner.GrowAll(delta)
	case '[':
		var items []json.RawMessage
		_ = json.Unmarshal(delta, &items)
		for _, item := range items {
			v.add(item)
		}
	}
}

// add adds an item to a list, or to the item of the list with its index.
func (v *draftValue) add(item json.RawMessage) {
	index := indexOf(item)
	if index != nil {
		for _, old := range v.items {
			if old.index != nil && *old.index == *index {
				old.grow(item, false)
				return
			}
		}
	}
	v.items = append(v.items, &draftValue{raw: item, index: index})
}

func indexOf(item json.RawMessage) *int {
	var place struct {
		Index *int `json:"index"`
	}
	if json.Unmarshal(item, &place) != nil {
		return nil
	}
	return place.Index
}

// open makes a value one that can grow, if its kind can, and returns its kind.
func (v *draftValue) open() byte {
	if v.kind != 0 || len(v.raw) == 0 {
		return v.kind
	}
	switch v.raw[0] {
	case '"':
		var text string
		_ = json.Unmarshal(v.raw, &text)
		v.text = []byte(text)
	case '{':
		v.inner = &Draft{}
		_ = v.inner.SetAll(v.raw)
	case '[':
		var items []json.RawMessage
		_ = json.Unmarshal(v.raw, &items)
		for _, item := range items {
			v.items = append(v.items, &draftValue{raw: item, index: indexOf(item)})
		}
	default:
		return 0
	}
	v.kind, v.raw = v.raw[0], nil
	return v.kind
}

// JSON returns the object, its fields sorted by name.
func (d *Draft) JSON() json.RawMessage {
	var b bytes.Buffer
	d.write(&b)
	return b.Bytes()
}

func (d *Draft) write(b *bytes.Buffer) {
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(d.fields)) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, name)
		b.WriteByte(':')
		d.fields[name].write(b)
	}
	b.WriteByte('}')
}

func (v *draftValue) write(b *bytes.Buffer) {
	switch v.kind {
	case '"':
		writeJSON(b, string(v.text))
	case '{':
		v.inner.write(b)
	case '[':
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	default:
		b.Write(v.raw)
	}
}

// writeJSON writes a string as JSON, its "<" and "&" left as they are.
func writeJSON(b *bytes.Buffer, s string) {
	if err := encodeJSON(b, s); err != nil {
		panic(fmt.Sprintf("llm: a string is not JSON: %v", err)) // cannot happen
	}
}

// encodeJSON writes a value as compact JSON, its "<" and "&" left as they are,
// so that what a provider wrote keeps its bytes.
func encodeJSON(b *bytes.Buffer, value any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line's end
	return nil
}
