package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/htpasswd"
)

// passwords is the password file. It is read for every request, so that who is
// taken out of it is out at once, and parsed when it has changed.
type passwords struct {
	path string
	log  *zap.Logger

	mu   sync.Mutex
	raw  []byte
	file *htpasswd.File // nil while it can't be read
}

// load reads the file when the worker starts, when it must be without fault.
func (p *passwords) load() error {
	raw, err := readPasswords(p.path)
	if err != nil {
		return err
	}
	file, faults := htpasswd.Parse(raw)
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = fmt.Errorf("%s: %w", p.path, f)
	}
	p.raw, p.file = raw, file
	return errors.Join(errs...)
}

// current returns the file as it is now, nil where it can't be read. A line that
// is not accepted counts for nobody, the others stay.
func (p *passwords) current() *htpasswd.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw, err := readPasswords(p.path)
	switch {
	case err != nil && p.file != nil:
		p.log.Error("nobody can log in: the password file can't be read; put it back", zap.Error(err))
		p.raw, p.file = nil, nil
	case err == nil && (p.file == nil || !bytes.Equal(raw, p.raw)):
		var faults []htpasswd.Fault
		p.raw = raw
		p.file, faults = htpasswd.Parse(raw)
		p.log.Info("password file read", zap.String("file", p.path), zap.Int("people", p.file.Len()))
		for _, f := range faults {
			p.log.Error("an entry of the password file is not accepted", zap.String("file", p.path), zap.Error(f))
		}
	}
	return p.file
}

func readPasswords(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, config.MaxFile+1))
	if err == nil && len(raw) > config.MaxFile {
		err = fmt.Errorf("%s is larger than 1 MiB; name a password file", path)
	}
	return raw, err
}

// means returns what logging in by a form needs.
func (g *Guard) means() (*htpasswd.File, redis.UniversalClient, *refusal) {
	file := g.passwords.current()
	if file == nil {
		return nil, nil, &refusal{http.StatusServiceUnavailable, "The password file can't be read, so nobody can log in; the worker's log says why.", "the password file can't be read"}
	}
	if g.redis != nil {
		if rdb := g.redis(); rdb != nil {
			return file, rdb, nil
		}
	}
	return nil, nil, &refusal{http.StatusServiceUnavailable, "The worker has not reached Redis yet. Try again in a moment.", "Redis was not reached yet"}
}
