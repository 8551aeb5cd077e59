package stores

import (
	"context"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/redis"
)

func (a address) open(ctx context.Context) (pawl.Store, error) {
	switch a.engine {
	case inMemory:
		return inmem.New(), nil
	case redisOne, redisMany:
		return opened(redis.Open(ctx, a.url))
	}
	return nil, fmt.Errorf("stores: %s is not built in", a.engine)
}

// opened is what a constructor returns, as an interface.
func opened[S pawl.Store](store S, err error) (pawl.Store, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

func (a address) migrator(context.Context) (Migrator, error) {
	return nil, ErrNoSchema
}
