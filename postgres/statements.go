package postgres

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed statements/*.sql
var statementFiles embed.FS

// statement is a statement of SQL. One without a name is never prepared.
type statement struct{ name, sql string }

// statements are those of one schema, by the names that the files give them.
type statements map[string]*statement

// schemaName is how the files call the schema.
const schemaName = "pawl."

// inSchema returns SQL as it is for a schema.
func inSchema(sql, schema string) string {
	return strings.ReplaceAll(sql, schemaName, pgx.Identifier{schema}.Sanitize()+".")
}

// loadStatements reads the statements for a schema. It panics if a file cannot
// be read, which is a mistake of this package.
func loadStatements(schema string) statements {
	all := statements{}
	files, err := fs.Glob(statementFiles, "statements/*.sql")
	for _, file := range files {
		text, failed := statementFiles.ReadFile(file)
		if failed != nil {
			err = failed
		}
		for _, part := range strings.Split(string(text), "-- name: ")[1:] {
			name, sql, _ := strings.Cut(part, "\n")
			all[name] = &statement{"pawl_" + name, inSchema(strings.TrimSpace(sql), schema)}
		}
	}
	if err != nil {
		panic(err)
	}
	return all
}

//go:embed horizon.sql
var horizonSQL string

var horizonStatement = &statement{sql: horizonSQL}

// get returns a statement by its name.
func (s statements) get(name string) *statement {
	st := s[name]
	if st == nil {
		panic(fmt.Sprintf("postgres: there is no statement %q", name))
	}
	return st
}
