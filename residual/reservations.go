package residual

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// ProbeReservations is the probe of SCSI persistent reservations on the shared devices that the configuration names.
const ProbeReservations = "reservations"

// reservationsProbe reads which keys are registered with a device and which of them holds a reservation. They survive a reset of this machine, and a
// key says who may write, not who does.
func reservationsProbe(l *look) []Finding {
	l.class = ClassAccess
	if len(l.o.Devices) == 0 {
		return nil
	}
	if f, ok := l.open(ProbeReservations); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	for _, p := range l.o.Devices {
		s, err := l.shared(p)
		if err != nil {
			continue // ProbeDevices says so
		}
		text, err := l.reservation(s.blocks[0])
		switch {
		case errors.Is(err, errNoSCSI):
		case err != nil:
			found = append(found, l.unreadable(ProbeReservations, node(s.blocks[0]), err))
		case text != "":
			found = append(found, Finding{Probe: ProbeReservations, Path: printable(p), Class: ClassAccess, What: text, Why: "whoever has a key there may write; keys survive a reset"})
		}
	}
	return found
}

var errNoSCSI = errors.New("it speaks no SCSI")

func (l *look) reservation(block string) (string, error) {
	f, err := l.root.OpenFile(node(block), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := reserveIn(f, readKeys)
	if err != nil {
		return "", err
	}
	keys, err := parseKeys(b)
	if err != nil || len(keys) == 0 {
		return "", err
	}
	text := fmt.Sprintf("%d registered keys, the first %#x", len(keys), keys[0])
	if b, err = reserveIn(f, readReservation); err != nil {
		return "", err
	}
	key, kind, held, err := parseReservation(b)
	if held {
		text += fmt.Sprintf("; reserved by %#x, type %d", key, kind)
	}
	return text, err
}

// The two questions of PERSISTENT RESERVE IN that are asked.
const (
	readKeys        = 0
	readReservation = 1
)

var errReservation = errors.New("its answer about reservations is not understood")

// parseKeys reads the answer to readKeys: generation, length, and keys of eight bytes. An answer that was cut short has fewer than it says.
func parseKeys(b []byte) ([]uint64, error) {
	if len(b) < 8 {
		return nil, errReservation
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n%8 != 0 {
		return nil, errReservation
	}
	var keys []uint64
	for at := 8; at+8 <= len(b) && uint32(at-8) < n; at += 8 {
		keys = append(keys, binary.BigEndian.Uint64(b[at:]))
	}
	return keys, nil
}

// parseReservation reads the answer to readReservation: nothing, or the holder's key and the type.
func parseReservation(b []byte) (key uint64, kind byte, held bool, err error) {
	if len(b) < 8 {
		return 0, 0, false, errReservation
	}
	if n := binary.BigEndian.Uint32(b[4:]); n == 0 {
		return 0, 0, false, nil
	} else if n < 16 || len(b) < 24 {
		return 0, 0, false, errReservation
	}
	return binary.BigEndian.Uint64(b[8:]), b[21] & 0x0f, true, nil
}

// sgHeader is the kernel's struct sg_io_hdr.
type sgHeader struct {
	interfaceID, direction       int32
	cmdLen, maxSense             uint8
	iovecs                       uint16
	dataLen                      uint32
	data, cmd, sense             unsafe.Pointer
	timeout, flags               uint32
	packID                       int32
	_                            uint32
	user                         unsafe.Pointer
	status, masked, msg, wrSense uint8
	host, driver                 uint16
	residual                     int32
	duration, info               uint32
}

const (
	sgIO        = 0x2285
	sgFromDev   = -3
	sgTimeoutMS = 1000
	sgAnswer    = 8 + 8*128
)

// reserveIn asks a device, by the ioctl that sends one SCSI command; this command changes nothing.
func reserveIn(f *os.File, action byte) ([]byte, error) {
	data, sense := make([]byte, sgAnswer), make([]byte, 64)
	cmd := []byte{0x5e, action, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(cmd[7:], sgAnswer)
	h := sgHeader{
		interfaceID: 'S', direction: sgFromDev, cmdLen: uint8(len(cmd)), maxSense: uint8(len(sense)), dataLen: sgAnswer, timeout: sgTimeoutMS,
		data: unsafe.Pointer(&data[0]), cmd: unsafe.Pointer(&cmd[0]), sense: unsafe.Pointer(&sense[0]),
	}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), sgIO, uintptr(unsafe.Pointer(&h)))
	switch {
	case errno == syscall.ENOTTY || errno == syscall.EINVAL || errno == syscall.EOPNOTSUPP:
		return nil, errNoSCSI
	case errno != 0:
		return nil, errno
	case h.status != 0 || h.host != 0 || h.driver != 0: // most disks without reservations refuse the command so
		return nil, errNoSCSI
	}
	return data[:max(0, len(data)-int(h.residual))], nil
}
