package llmsim

import (
	"sync"
	"time"
)

// What Anthropic's prompt cache does by default.
const (
	cacheLife     = 5 * time.Minute // how long a prefix stays after its last use, in the account's time
	cacheLeast    = 1024            // tokens that a prefix must have to be kept
	cacheLookBack = 20              // blocks before a marked one that a kept prefix may end at
)

// promptCache holds the beginnings of requests, up to the blocks that were
// marked.
type promptCache struct {
	life time.Duration

	mu    sync.Mutex
	ends  map[prefixKey]time.Time // when each is forgotten
	sweep time.Time               // when those that are over are removed next
}

// prefixKey is the SHA-256 of all that a prefix says.
type prefixKey [32]byte

// prefix is the beginning of a request, up to the end of one of its blocks.
type prefix struct {
	key    prefixKey
	tokens int
	marked bool
}

// cached is what a call has to do with the cache.
type cached struct {
	read, write int         // tokens of its input that are read from there, and written to it
	keys        []prefixKey // the prefixes to keep when its answer begins
}

// look returns what a call reads and writes, given its prefixes up to the last
// marked block. Nothing changes before the answer begins: a call that is sent
// together with its like finds nothing either.
func (p *promptCache) look(now time.Time, prefixes []prefix) cached {
	if len(prefixes) == 0 {
		return cached{}
	}
	last := prefixes[len(prefixes)-1]
	if last.tokens < cacheLeast {
		return cached{}
	}
	read, c := p.longest(now, prefixes), cached{}
	if read.tokens > 0 {
		c.keys = append(c.keys, read.key) // its use renews it
	}
	for _, f := range prefixes {
		if f.marked && f.tokens >= cacheLeast {
			c.keys = append(c.keys, f.key)
		}
	}
	c.read, c.write = read.tokens, last.tokens-read.tokens
	return c
}

// longest returns the longest prefix that is kept and ends not too far before
// a marked block, the zero prefix if there is none.
func (p *promptCache) longest(now time.Time, prefixes []prefix) prefix {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := len(prefixes)
	for i := len(prefixes) - 1; i >= 0; i-- {
		if prefixes[i].marked {
			from = i - cacheLookBack
		}
		if i >= from && p.ends[prefixes[i].key].After(now) {
			return prefixes[i]
		}
	}
	return prefix{}
}

// keep remembers the prefixes from now on.
func (p *promptCache) keep(now time.Time, keys []prefixKey) {
	if len(keys) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.After(p.sweep) {
		for key, end := range p.ends {
			if !end.After(now) {
				delete(p.ends, key)
			}
		}
		p.sweep = now.Add(p.life)
	}
	for _, key := range keys {
		p.ends[key] = now.Add(p.life)
	}
}
