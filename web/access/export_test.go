package access

import "refundworker/htpasswd"

// CheckBy replaces the comparison of passwords, which takes a second each under
// the race detector.
func (g *Guard) CheckBy(check func(file *htpasswd.File, name, password string) bool) { g.check = check }
