// Package sqlkit is what the SQL stores share: the migrations of their schemas.
package sqlkit
