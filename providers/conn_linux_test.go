package providers_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"refundworker/providers"
)

func TestUnacknowledgedBytesAreGivenUpInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, tc := range []struct {
		left time.Duration
		want int
	}{{1500 * time.Millisecond, 1500}, {10 * time.Microsecond, 1}} {
		providers.LimitUnacknowledged(conn, tc.left)
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		if err := raw.Control(func(fd uintptr) {
			got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		}); err != nil {
			t.Fatal(err)
		}
		if got != tc.want {
			t.Errorf("TCP_USER_TIMEOUT with %v left = %d ms, want %d", tc.left, got, tc.want)
		}
	}
}
