package providers

const recordHeader = 5 // bytes; the last two are the length of what follows

// records follows the bytes of TLS records (RFC 8446, section 5.1) as they come,
// to tell whether one has begun and not ended. A nil one follows nothing.
type records struct {
	header [recordHeader]byte
	have   int // bytes of the header
	left   int // bytes of the record
}

func (r *records) pass(b []byte) {
	for r != nil && len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left, b = r.left-n, b[n:]
			continue
		}
		n := copy(r.header[r.have:], b)
		r.have, b = r.have+n, b[n:]
		if r.have == recordHeader {
			r.have, r.left = 0, int(r.header[3])<<8|int(r.header[4])
		}
	}
}

// whole reports whether the bytes so far end with a record.
func (r *records) whole() bool { return r == nil || r.have == 0 && r.left == 0 }
