package durable

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
)

// linksVersion is the first byte of packed links, linksMore a bit of the second:
// what few tasks have follows as JSON.
const (
	linksVersion = 1
	linksMore    = 1 << 7
)

// marks are the links that are a bit of the second byte.
func marks(l *pawl.Links) [5]*bool {
	return [...]*bool{&l.Awaited, &l.Caught, &l.Stored, &l.InLine, &l.Forked}
}

// PackLinks returns a task's links as they are stored with it; nil for none, as most
// tasks have. Those of a branch are a few bytes and no JSON: a flow may have thousands
// of them, and each is written and read several times.
func PackLinks(r *pawl.TaskRow) ([]byte, error) {
	if r.Links == nil {
		return nil, nil
	}
	more := *r.Links
	more.Parent, more.Key = pawl.ID{}, ""
	flags := byte(0)
	for i, mark := range marks(&more) {
		if *mark {
			flags |= 1 << i
			*mark = false
		}
	}
	var rest []byte
	if hasMore(&more) {
		var err error
		if rest, err = json.Marshal(&more); err != nil {
			return nil, fmt.Errorf("store the links of %s: %w", r.ID, err)
		}
		flags |= linksMore
	}
	b := append(make([]byte, 0, 2+len(r.Links.Parent)+2+len(r.Links.Key)+len(rest)), linksVersion, flags)
	b = append(b, r.Links.Parent[:]...)
	b = wire.AppendText(b, r.Links.Key)
	return append(b, rest...), nil
}

func hasMore(l *pawl.Links) bool {
	return l.Wait != nil || l.Signals != nil || l.Fallbacks != nil || l.Origin != nil || l.Variant != nil ||
		!l.Near.IsZero() || l.Followers > 0 || l.Alone
}

var errLinks = errors.New("not packed links")

// UnpackLinks sets what PackLinks packed.
func UnpackLinks(b []byte, r *pawl.TaskRow) error {
	if len(b) == 0 {
		return nil
	}
	l := &pawl.Links{}
	if err := unpackLinks(b, l); err != nil {
		return fmt.Errorf("links of %s: %w", r.ID, err)
	}
	r.Links = l
	return nil
}

func unpackLinks(b []byte, l *pawl.Links) error {
	if len(b) < 2+len(l.Parent) || b[0] != linksVersion {
		return errLinks
	}
	flags := b[1]
	b = b[2+copy(l.Parent[:], b[2:]):]
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return errLinks
	}
	end := n + int(length)
	l.Key, b = string(b[n:end]), b[end:]
	if flags&linksMore != 0 {
		if err := json.Unmarshal(b, l); err != nil {
			return err
		}
	} else if len(b) > 0 {
		return errLinks
	}
	for i, mark := range marks(l) {
		*mark = *mark || flags&(1<<i) != 0
	}
	return nil
}
