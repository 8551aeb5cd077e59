// Package limit decides when a call may be sent.
package limit
