package redis

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
)

// keys names the keys of a store. They begin with the same tag in braces, and so
// are in one slot of a Cluster: see the package's documentation for what each is.
type keys struct {
	prefix string // "{pawl}:"

	format, main, counts, leases, wakes, ended string
	pages, written, gone, posts                string
	watchers, events, trash                    string
	channel                                    string
	nodes, texts                               [parts]string
}

// parts is in how many hashes the nodes and the messages of conversations are
// kept, by their first byte, and as many are passed to scripts that follow a
// conversation. Scripts know the number: see commit.lua.
const parts = 64

func newKeys(prefix string) keys {
	k := keys{prefix: "{" + prefix + "}:"}
	for _, name := range []struct {
		key  *string
		name string
	}{
		{&k.format, "format"}, {&k.main, "main"}, {&k.counts, "counts"}, {&k.leases, "leases"}, {&k.wakes, "wakes"},
		{&k.ended, "ended"}, {&k.pages, "pages"}, {&k.written, "written"}, {&k.gone, "gone"}, {&k.posts, "posts"},
		{&k.watchers, "watchers"}, {&k.events, "events"}, {&k.trash, "trash"}, {&k.channel, "bell"},
	} {
		*name.key = k.prefix + name.name
	}
	for i := range parts {
		part := hex.EncodeToString([]byte{byte(i)})
		k.nodes[i], k.texts[i] = k.prefix+"node:"+part, k.prefix+"text:"+part
	}
	return k
}

// bucket is the part of a task's id, of version 7, that says when it was made, to
// a quarter of a second. The tasks of one bucket share their keys: a batch of many
// is then few commands, and no key grows beyond what is added in that time.
type bucket [5]byte

func bucketOf(id pawl.ID) bucket { return bucket(id[:5]) }

func (k *keys) row(b bucket) string     { return k.prefix + "row:" + hex.EncodeToString(b[:]) }
func (k *keys) payload(b bucket) string { return k.prefix + "payload:" + hex.EncodeToString(b[:]) }
func (k *keys) output(b bucket) string  { return k.prefix + "output:" + hex.EncodeToString(b[:]) }

func (k *keys) steps(id pawl.ID) string   { return k.prefix + "steps:" + hex.EncodeToString(id[:]) }
func (k *keys) results(id pawl.ID) string { return k.prefix + "results:" + hex.EncodeToString(id[:]) }
func (k *keys) run(id pawl.ID) string     { return k.prefix + "run:" + hex.EncodeToString(id[:]) }

func (k *keys) bin(number int64) string { return k.prefix + "bin:" + strconv.FormatInt(number, 36) }

func (k *keys) state(s pawl.State, queue string) string {
	return k.prefix + "state:" + string(s) + ":" + queue
}

func (k *keys) hours(kind durable.LedgerKind) string {
	return k.prefix + "hours:" + strconv.Itoa(int(kind))
}

func (k *keys) ledger(kind durable.LedgerKind, h ledger.Hour) string {
	return k.prefix + "ledger:" + strconv.Itoa(int(kind)) + ":" + hourText(h)
}

func (k *keys) twins(identity pawl.Hash) string {
	return k.prefix + "twins:" + hex.EncodeToString(identity[:1])
}

// member is how a pending task stands in its bin: what a claim must know of it, its
// Seq first, so that the set is in order.
func appendMember(b buffer, c *candidate) buffer {
	b = binary.BigEndian.AppendUint64(b, uint64(c.Seq))
	b = append(b, c.ID[:]...)
	b.byte(c.flags)
	b.optional(c.Run[:], c.Run == c.ID)
	for _, n := range []int{c.Attempt, c.Size.Chars, c.Size.MaxTokens, c.Size.Output} {
		b.int(int64(n))
	}
	return b
}

// firstMember is in front of all members of a bin from a Seq on, and behind all others.
func firstMember(seq int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(seq)))
}

func readMember(member string) (c candidate, err error) {
	r := reader{rest: member}
	c.Seq = int64(r.fixed64())
	c.ID = r.id()
	c.flags = r.byte()
	if c.Run = c.ID; r.bool() {
		c.Run = r.id()
	}
	for _, n := range []*int{&c.Attempt, &c.Size.Chars, &c.Size.MaxTokens, &c.Size.Output} {
		*n = int(r.int())
	}
	return c, r.err
}
