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
	}{{90 * time.Second, 90000}, {10500 * time.Millisecond, 10500}} {
		now := time.Now().Round(0)
		if _, err := providers.GuardedWrite(conn, now, 0, now.Add(tc.left), time.Hour); err != nil {
			t.Fatal(err)
		}
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
