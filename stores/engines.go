package stores

import (
	"context"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/postgres"
	"github.com/pawlhq/pawl/redis"
	"github.com/pawlhq/pawl/sqlite"
)

func (a address) open(ctx context.Context) (pawl.Store, error) {
	switch a.engine {
	case inMemory:
		return inmem.New(), nil
	case sqliteFile:
		return opened(sqlite.Open(ctx, a.rest))
	case postgreSQL:
		return opened(postgres.Open(ctx, a.url))
	default:
		return opened(redis.Open(ctx, a.url))
	}
}

func (a address) migrator(ctx context.Context) (Migrator, error) {
	switch a.engine {
	case sqliteFile:
		return openedMigrator(sqlite.OpenMigrator(ctx, a.rest))
	case postgreSQL:
		return openedMigrator(postgres.OpenMigrator(ctx, a.url))
	default:
		return nil, ErrNoSchema
	}
}

// opened is what a constructor returned, as the interface.
func opened[S pawl.Store](store S, err error) (pawl.Store, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// openedMigrator is the same for migrators.
func openedMigrator[M Migrator](m M, err error) (Migrator, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}
