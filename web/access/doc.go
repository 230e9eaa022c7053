// Package access decides who sees the worker's pages and who acts on them.
//
// It promises that nobody sees a page whom the configuration does not let, that
// nothing is changed but by a person who may act and by a form of our own, and
// that every action has that person's name. It never believes a header of
// somebody else's, and it never lets a page through because Redis or the
// password file can't be read.
package access
