package providers

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged tells the kernel to give a connection up when what was
// sent on it stays unacknowledged for d (TCP_USER_TIMEOUT, tcp(7)). Without it
// the kernel would go on delivering for many minutes after a partition.
func limitUnacknowledged(conn net.Conn, d time.Duration) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return // closed already: the write that follows says so
	}
	millis := max(1, int(d.Milliseconds())) // 0 would mean the system's default
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, millis)
	})
}
