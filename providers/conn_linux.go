package providers

import (
	"errors"
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

// looks says that still can tell.
const looks = true

// still reports whether the connection is open and has nothing to read, without
// waiting and without taking anything (MSG_PEEK, recv(2)).
func still(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var found error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, found = unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return true
	})
	return err == nil && errors.Is(found, unix.EAGAIN)
}
