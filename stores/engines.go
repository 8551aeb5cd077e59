package stores

import (
	"context"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

func (a address) open(ctx context.Context) (pawl.Store, error) {
	switch a.engine {
	case inMemory:
		return inmem.New(), nil
	}
	return nil, fmt.Errorf("stores: %s is not built in", a.engine)
}

func (a address) migrator(context.Context) (Migrator, error) {
	return nil, ErrNoSchema
}
