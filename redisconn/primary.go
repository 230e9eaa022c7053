package redisconn

import (
	"context"
	"strings"
)

// Primary is one server's time as a primary. It ends when the process stops and
// when it becomes a replica.
type Primary struct {
	History  string // the id of its data's history, which a start and a promotion make anew
	Run      string // the id of the process
	Address  string // its own, as it sees it; empty where it does not say
	Promoted bool   // it was a replica of another before, and has what had reached it by then

	named bool // a Sentinel says who is the primary, so another address is another server
}

// String returns the primary's name, which begins with its history's id.
func (p Primary) String() string {
	return strings.TrimSpace(p.History + " " + p.Run + " " + p.Address)
}

// MayLack reports whether this primary's data, in which the primary of that name
// is the last one known, may lack what that one had on its disk.
//
// One that was promoted may: it has what had reached it. One that has started has
// what was on its own disk, and is taken for the one that is known, unless Sentinel
// led to another address. (Elsewhere a restart may change the address, and who
// leads others to another server knows of it.)
func (p Primary) MayLack(known string) bool {
	if history, _, _ := strings.Cut(known, " "); history == p.History {
		return false
	}
	fields := strings.Fields(known)
	moved := p.named && p.Address != "" && len(fields) == 3 && fields[2] != p.Address
	return p.Promoted || moved
}

// primaryOf tells who the server is. The history is empty where it does not say.
//
// A history's id is replaced at each start and each promotion, and then the second
// id names the one before it. A server that has read back an append-only file has
// no second id (loadDataFromDisk in server.c, shiftReplicationId in replication.c;
// the same in 6.2 to 8.0). It also loses it an hour after its last replica left,
// and when a replica comes after that.
func primaryOf(ctx context.Context, c server, info map[string]string, named bool) Primary {
	second := info["master_replid2"]
	p := Primary{History: info["master_replid"], Run: info["run_id"], Promoted: strings.Trim(second, "0") != "", named: named}
	// Without the right to ask the address stays unknown, and is not compared.
	self, err := c.Do(ctx, "client", "info").Text()
	if err != nil {
		return p
	}
	for field := range strings.FieldsSeq(self) {
		if addr, ok := strings.CutPrefix(field, "laddr="); ok {
			p.Address = addr
		}
	}
	return p
}
