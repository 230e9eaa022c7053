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
	// Within a tenth of a second it may be what it was; it is never longer than is left.
	want := map[time.Duration]int{90 * time.Second: 90000, 89_990 * time.Millisecond: 89900, 89_910 * time.Millisecond: 89900,
		10500 * time.Millisecond: 10500, 99 * time.Millisecond: 99, 20 * time.Second: 20000}
	err = providers.GuardedWrites(conn, func(left time.Duration) {
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
		if got != want[left] {
			t.Errorf("TCP_USER_TIMEOUT with %v left = %d ms, want %d", left, got, want[left])
		}
	}, 90*time.Second, 89_990*time.Millisecond, 89_910*time.Millisecond, 10500*time.Millisecond, 99*time.Millisecond, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
}
