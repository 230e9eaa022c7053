package redisconn

import (
	"strconv"
	"strings"
)

// version is a server's, as INFO gives it; the zero version is older than all.
type version struct {
	major, minor int
	text         string
}

func parseVersion(s string) version {
	major, rest, _ := strings.Cut(s, ".")
	minor, _, _ := strings.Cut(rest, ".")
	v := version{text: s}
	var err error
	if v.major, err = strconv.Atoi(major); err != nil {
		return version{text: s}
	}
	v.minor, _ = strconv.Atoi(minor)
	return v
}

func (v version) less(o version) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}
