package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
)

// masked is a frame as a client sends it.
func masked(first byte, payload []byte) []byte {
	unmasked := encodeFrame(first&0x0f, payload)
	head := append([]byte{}, unmasked[:len(unmasked)-len(payload)]...)
	head[0], head[1] = first, head[1]|0x80
	mask := []byte{1, 0x80, 0xff, 0x7f}
	framed := append(head, mask...)
	for i, b := range payload {
		framed = append(framed, b^mask[i%4])
	}
	return framed
}

// received is what a WebSocket makes of these bytes, and what it sends meanwhile.
func received(t *testing.T, data []byte) (message []byte, isText bool, sent []byte, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	answers := make(chan []byte)
	go func() {
		var collected bytes.Buffer
		_, _ = collected.ReadFrom(theirs)
		answers <- collected.Bytes()
	}()
	socket := &webSocket{connection: ours, reader: bufio.NewReader(bytes.NewReader(data))}
	message, isText, err = socket.receive()
	ours.Close()
	return message, isText, <-answers, err
}

func TestMessagesOfEveryLengthForm(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 200_001} {
		want := bytes.Repeat([]byte("x"), size)
		message, isText, _, err := received(t, masked(0x81, want))
		if err != nil || !isText || !bytes.Equal(message, want) {
			t.Errorf("%d bytes: %d bytes, text %v, %v", size, len(message), isText, err)
		}
	}
}

func TestFragmentsWithAPingBetweenThem(t *testing.T) {
	letter := []byte("ä")
	data := masked(0x01, letter[:1])
	data = append(data, masked(0x89, []byte("?"))...)
	data = append(data, masked(0x80, letter[1:])...)
	message, isText, sent, err := received(t, data)
	if err != nil || !isText || string(message) != "ä" {
		t.Errorf("%q, text %v, %v", message, isText, err)
	}
	if pong := encodeFrame(opPong, []byte("?")); !bytes.Equal(sent, pong) {
		t.Errorf("sent %x, not the pong %x", sent, pong)
	}
}

func TestBrokenFramesSayHow(t *testing.T) {
	endless := append([]byte{0x81, 0xff}, binary.BigEndian.AppendUint64(nil, messageBytes+1)...)
	for what, c := range map[string]struct {
		data []byte
		code uint16
	}{
		"not masked":         {encodeFrame(opText, []byte("{}")), protocolError},
		"a reserved opcode":  {masked(0x83, nil), protocolError},
		"a reserved bit":     {masked(0xc1, nil), protocolError},
		"nothing to go on":   {masked(0x80, []byte("x")), protocolError},
		"a long ping":        {masked(0x89, make([]byte, 126)), protocolError},
		"a ping in parts":    {masked(0x09, nil), protocolError},
		"two beginnings":     {append(masked(0x01, nil), masked(0x81, nil)...), protocolError},
		"no UTF-8":           {masked(0x81, []byte{0xff}), notUTF8},
		"more than it takes": {endless, tooBig},
	} {
		_, _, _, err := received(t, c.data)
		var violation broken
		if !errors.As(err, &violation) || violation.code != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestACloseFrameIsAnsweredWithItsCode(t *testing.T) {
	_, _, sent, err := received(t, masked(0x88, append(closeCode(1000), "bye"...)))
	if want := encodeFrame(opClose, closeCode(1000)); err == nil || !bytes.Equal(sent, want) {
		t.Errorf("sent %x, %v", sent, err)
	}
}

func TestTheKeyOfRFC6455(t *testing.T) {
	head := "GET /_temps/channel HTTP/1.1\r\nhost: plugin\r\nconnection: keep-alive, Upgrade\r\n" +
		"upgrade: websocket\r\nsec-websocket-version: 13\r\n" +
		"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	accept := func(head string) (string, bool) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			t.Fatal(err)
		}
		return acceptKey(request)
	}
	if key, proper := accept(head); !proper || key != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%q, %v", key, proper)
	}
	for _, change := range [][2]string{{": 13", ": 8"}, {"Upgrade\r\n", "close\r\n"}, {"ZQ==", "ZQ"}} {
		if _, proper := accept(strings.Replace(head, change[0], change[1], 1)); proper {
			t.Errorf("taken with %q", change[1])
		}
	}
}
