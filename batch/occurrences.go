package batch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// content stands for a row's content: the first 16 bytes of a SHA-256, so that two
// are never equal by chance.
type content [16]byte

// inMemory is how many contents are counted in memory before they go to disk: about
// 8 MiB.
const inMemory = 1 << 17

// occurrences counts how often each content came. However many there are, it takes
// little memory: what is too much for it goes into sorted runs on disk, of which each
// is at most half as long as the one before, so that there are few to look into.
type occurrences struct {
	recent map[content]uint32 // counts that are newer than those in runs
	runs   []*run             // newer ones behind
	most   int                // how many are in recent, at most; 0: inMemory
}

// next counts one more of that content, and says the how manieth it is.
func (o *occurrences) next(c content) (uint32, error) {
	if o.recent == nil {
		o.recent = map[content]uint32{}
		if o.most == 0 {
			o.most = inMemory
		}
	}
	n, there := o.recent[c]
	for i := len(o.runs) - 1; i >= 0 && !there; i-- {
		var err error
		if n, there, err = o.runs[i].find(c); err != nil {
			return 0, onDisk(err)
		}
	}
	n++
	if o.recent[c] = n; len(o.recent) < o.most {
		return n, nil
	}
	return n, onDisk(o.spill())
}

// spill moves what is in memory to disk.
func (o *occurrences) spill() error {
	sorted := make([]count, 0, len(o.recent))
	for c, n := range o.recent {
		sorted = append(sorted, count{c, n})
	}
	slices.SortFunc(sorted, func(a, b count) int { return bytes.Compare(a.content[:], b.content[:]) })
	w, err := newRun()
	if err != nil {
		return err
	}
	for _, c := range sorted {
		w.add(c)
	}
	r, err := w.end()
	if err != nil {
		return err
	}
	o.runs = append(o.runs, r)
	clear(o.recent)
	for n := len(o.runs); n > 1 && o.runs[n-2].length < 2*o.runs[n-1].length; n-- {
		both, err := merge(o.runs[n-2], o.runs[n-1])
		if err != nil {
			return err
		}
		err = errors.Join(o.runs[n-2].close(), o.runs[n-1].close())
		if o.runs = append(o.runs[:n-2], both); err != nil {
			return err
		}
	}
	return nil
}

// close gives the disk back.
func (o *occurrences) close() error {
	var all error
	for _, r := range o.runs {
		all = errors.Join(all, r.close())
	}
	o.runs = nil
	return all
}

func onDisk(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rows without a refund_id are counted in temporary files, 20 bytes for each; give the folder of temporary files (TMPDIR) room, or the rows ids: %w", err)
}
