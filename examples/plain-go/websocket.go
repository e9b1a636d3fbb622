package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"
)

const messageBytes = 32 << 20

// Opcodes of RFC 6455.
const (
	opContinuation byte = 0
	opText         byte = 1
	opBinary       byte = 2
	opClose        byte = 8
	opPing         byte = 9
	opPong         byte = 10
)

// Close codes of RFC 6455.
const (
	goingAway     = 1001
	protocolError = 1002
	notUTF8       = 1007
	tooBig        = 1009
)

// broken says that the peer broke the rules of WebSocket, with the close code that says how.
type broken struct {
	code   uint16
	reason string
}

func (b broken) Error() string { return b.reason }

// acceptKey returns the answer to an upgrade, and whether the request is a proper one.
func acceptKey(r *http.Request) (string, bool) {
	keys := r.Header.Values("Sec-Websocket-Key")
	proper := r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) && len(keys) == 1 &&
		hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket") &&
		r.Header.Get("Sec-Websocket-Version") == "13"
	if !proper {
		return "", false
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return "", false
	}
	digest := sha1.Sum([]byte(keys[0] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(digest[:]), true
}

// hasToken looks for a word in a header that is a list.
func hasToken(header http.Header, name, token string) bool {
	for _, word := range strings.Split(strings.Join(header.Values(name), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(word), token) {
			return true
		}
	}
	return false
}

// frame is one frame of a message, unmasked.
type frame struct {
	final   bool
	opcode  byte
	payload []byte
}

// encodeFrame makes a whole message in one frame. A server does not mask.
func encodeFrame(opcode byte, payload []byte) []byte {
	head := []byte{0x80 | opcode}
	switch size := len(payload); {
	case size < 126:
		head = append(head, byte(size))
	case size < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(size))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(size))
	}
	return append(head, payload...)
}

// readFrame reads the next frame of at most room bytes.
func readFrame(from io.Reader, room int) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return frame{}, err
	}
	read := frame{final: head[0]&0x80 != 0, opcode: head[0] & 0x0f}
	size := uint64(head[1] & 0x7f)
	switch {
	case head[0]&0x70 != 0 || (read.opcode > opBinary && read.opcode < opClose) || read.opcode > opPong:
		return frame{}, broken{protocolError, "a frame of no known kind"}
	case head[1]&0x80 == 0:
		return frame{}, broken{protocolError, "a frame that is not masked"}
	case read.opcode >= opClose && (!read.final || size > 125):
		return frame{}, broken{protocolError, "a control frame in parts or of more than 125 bytes"}
	}
	size, err := readSize(from, size)
	if err != nil {
		return frame{}, err
	}
	if size > uint64(room) {
		return frame{}, broken{tooBig, "a message that is too long"}
	}
	var mask [4]byte
	if _, err := io.ReadFull(from, mask[:]); err != nil {
		return frame{}, err
	}
	read.payload = make([]byte, size)
	_, err = io.ReadFull(from, read.payload)
	for i := range read.payload {
		read.payload[i] ^= mask[i%4]
	}
	return read, err
}

// readSize reads what follows the seven bits of a frame's size.
func readSize(from io.Reader, seven uint64) (uint64, error) {
	var bytes [8]byte
	switch seven {
	case 126:
		_, err := io.ReadFull(from, bytes[6:])
		return binary.BigEndian.Uint64(bytes[:]), err
	case 127:
		_, err := io.ReadFull(from, bytes[:])
		return binary.BigEndian.Uint64(bytes[:]), err
	}
	return seven, nil
}

// webSocket is one end of an open WebSocket.
type webSocket struct {
	connection net.Conn
	reader     *bufio.Reader
	mutex      sync.Mutex
	closed     bool
}

// receive returns the next message, put together from its frames, and whether it is a text; io.EOF
// after a close frame. Pings are answered on the way [CH-36, CH-37].
func (s *webSocket) receive() ([]byte, bool, error) {
	var kind byte
	var collected bytes.Buffer
	for {
		next, err := readFrame(s.reader, messageBytes-collected.Len())
		if err != nil {
			return nil, false, err
		}
		switch next.opcode {
		case opClose:
			_ = s.sendClose(next.payload[:min(2, len(next.payload))])
			return nil, false, io.EOF
		case opPing:
			if err := s.send(opPong, next.payload); err != nil {
				return nil, false, err
			}
			continue
		case opPong:
			continue
		}
		if (next.opcode == opContinuation) != (kind != opContinuation) {
			return nil, false, broken{protocolError, "a frame that does not continue what was begun"}
		}
		kind |= next.opcode
		collected.Write(next.payload)
		if !next.final {
			continue
		}
		if kind == opText && !utf8.Valid(collected.Bytes()) {
			return nil, false, broken{notUTF8, "a text message that is no UTF-8"}
		}
		return collected.Bytes(), kind == opText, nil
	}
}

// send sends a message in one frame, unless the WebSocket is closed already.
func (s *webSocket) send(opcode byte, payload []byte) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	_, err := s.connection.Write(encodeFrame(opcode, payload))
	return err
}

// sendClose sends a close frame, once.
func (s *webSocket) sendClose(code []byte) error {
	err := s.send(opClose, code)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	return err
}

// closeCode is the payload of a close frame.
func closeCode(code uint16) []byte { return binary.BigEndian.AppendUint16(nil, code) }
