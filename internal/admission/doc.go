// Package admission decides whether calls may go, over all the limits that a call
// is charged to: the one that it goes through, those that this one is within, and
// what its user may use of each. It is shared by all stores, which keep its entries
// and let one transaction at a time change them.
//
// A call is charged everywhere or nowhere. What one limit learns, from headers,
// throttles and usage, is that of the limit the call goes through; the others keep
// accounts only.
package admission
