package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Store implements [pawl.Store] and [pawl.Checker] on Redis. It is safe for
// concurrent use, by any number of processes.
type Store struct {
	*durable.Store
	db *database
}

// format is the number of the form in which this program stores data. Form 2 has a
// task's links in its row; no release has written form 1.
const format = 2

// Open opens the store that a URL names; see the package's documentation for the
// URLs. It logs what [Store.Check] finds wrong. Data of a form that the program
// does not know is an error.
func Open(ctx context.Context, url string) (*Store, error) {
	o, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	d := newDatabase(o)
	s := &Store{Store: durable.New(d), db: d}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("redis: open %s: %w", o.addrs[0], err), s.Close())
	}
	return s, nil
}

// start connects, and looks whether the store is one that this program knows.
func (s *Store) start(ctx context.Context) error {
	if err := s.db.checkFormat(ctx); err != nil {
		return err
	}
	if err := s.db.checkNode(ctx); err != nil {
		return err
	}
	findings, err := s.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Level != pawl.FindingOK {
			slog.WarnContext(ctx, "redis: "+f.Found, "what", f.What, "remedy", f.Remedy)
		}
	}
	return nil
}

func (d *database) checkFormat(ctx context.Context) error {
	_, err := d.client.SetNX(ctx, d.keys.format, format, 0).Result()
	if err != nil {
		return explain(err)
	}
	text, err := d.client.Get(ctx, d.keys.format).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return explain(err)
	}
	found, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("the key %s holds %q; want a number: is it another program's? Then choose another prefix in the URL", d.keys.format, text)
	}
	switch {
	case found > format:
		return fmt.Errorf("the data is of form %d, and this program knows forms up to %d: use a newer version of the program", found, format)
	case found < format:
		return fmt.Errorf("the data is of form %d, which was never released: choose another prefix in the URL, or delete it", found)
	}
	return nil
}

// checkNode finds out that a single server is a node of a Cluster: the store works
// on it only for as long as its slot is there.
func (d *database) checkNode(ctx context.Context) error {
	c, single := d.client.(*redis.Client)
	if !single {
		return nil
	}
	info, _ := c.Info(ctx, "cluster").Result() // "" if it is forbidden
	if fieldsOf(info)["cluster_enabled"] == "1" {
		return errors.New(nodeRemedy)
	}
	return nil
}
