// Package budget decides whether calls are within the budgets that they come under. It
// is arithmetic over (now, state), shared by all stores, which keep its entries and let
// one transaction at a time change them.
//
// A call is taken from all of its budgets or from none. It waits where calls under way
// have reserved what is missing, for they may cost less; it is stopped where what is
// spent leaves no room for it.
package budget
